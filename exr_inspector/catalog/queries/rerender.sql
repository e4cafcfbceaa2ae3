-- Frames to render again, as ranges for a render manager, and frames for which an edit of the header or a conversion is enough, with the first rule that the sequence itself breaks. Frames of which only the file has an error are explained by the query broken.
-- question: 6
-- param prefix text '' beginning of bucket/key
-- param prefix_end text =prefix the smallest text above all that begin with prefix
SELECT sequence, max(rerender_frames) AS frames, max(rerender_count) AS frame_count, max(header_edit_frames) AS header_edits,
       max(conversion_frames) AS conversions, max(error_files) AS files_with_errors,
       coalesce(min(CASE WHEN severity = 'error' THEN code || ': ' || message END), 'errors of files: query broken') AS first_reason
FROM sequence_validation
WHERE sequence >= :prefix AND sequence < :prefix_end AND (rerender_count > 0 OR header_edit_count > 0 OR conversion_count > 0)
GROUP BY sequence
ORDER BY sequence
