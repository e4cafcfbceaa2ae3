-- Runs of missing frames between the first and the last frame of each sequence.
-- question: 6
-- param prefix text '' beginning of bucket/key
-- param prefix_end text =prefix the smallest text above all that begin with prefix
WITH neighbours AS (
    SELECT sequence, frame_number, lead(frame_number) OVER (PARTITION BY sequence ORDER BY frame_number) AS next_frame
    FROM (SELECT DISTINCT sequence, frame_number FROM files WHERE sequence IS NOT NULL AND path >= :prefix AND path < :prefix_end) f
)
SELECT sequence, frame_number + 1 AS first_missing, next_frame - 1 AS last_missing, next_frame - frame_number - 1 AS frames
FROM neighbours
WHERE next_frame - frame_number > 1
ORDER BY sequence, first_missing
