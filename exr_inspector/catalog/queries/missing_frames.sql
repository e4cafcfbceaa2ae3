-- Missing frames of sequences by their last validation, as ranges.
-- question: 6
-- param prefix text '' beginning of bucket/key
-- param prefix_end text =prefix the smallest text above all that begin with prefix
SELECT sequence, first_frame, last_frame, missing_count AS missing, missing_frames AS frames, judged_at
FROM sequence_validation
WHERE sequence >= :prefix AND sequence < :prefix_end AND finding_index = 0 AND missing_count > 0
ORDER BY sequence
