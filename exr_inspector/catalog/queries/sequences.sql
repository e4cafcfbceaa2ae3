-- Sequences below a prefix: first and last frame, number of missing frames, and differences between frames.
-- question: 6
-- param prefix text '' beginning of bucket/key
-- param prefix_end text =prefix the smallest text above all that begin with prefix
SELECT sequence, min(frame_number) AS first_frame, max(frame_number) AS last_frame, count(*) AS files,
       max(frame_number) - min(frame_number) + 1 - count(DISTINCT frame_number) AS missing,
       count(DISTINCT CAST(width AS varchar) || 'x' || CAST(height AS varchar)) AS resolutions,
       count(DISTINCT compression) AS compressions, count(DISTINCT channel_count) AS channel_counts,
       count(DISTINCT pixel_types) AS pixel_types, count(DISTINCT color_space) AS color_spaces,
       count(DISTINCT software) AS software,
       count(CASE WHEN status = 'failed' OR is_complete = false THEN 1 END) AS broken
FROM files
WHERE sequence IS NOT NULL AND path >= :prefix AND path < :prefix_end
GROUP BY sequence
ORDER BY sequence
