-- Sequences below a prefix: first and last frame that is there, missing frames by the last validation (of one never validated,
-- between its first and last frame), and differences between frames.
-- question: 6
-- param prefix text '' beginning of bucket/key
-- param prefix_end text =prefix the smallest text above all that begin with prefix
WITH validated AS (
    SELECT sequence, missing_count
    FROM sequence_validation
    WHERE sequence >= :prefix AND sequence < :prefix_end AND finding_index = 0
)
SELECT f.sequence, min(f.frame_number) AS first_frame, max(f.frame_number) AS last_frame, count(*) AS files,
       coalesce(max(validated.missing_count), max(f.frame_number) - min(f.frame_number) + 1 - count(DISTINCT f.frame_number)) AS missing,
       count(DISTINCT CAST(f.width AS varchar) || 'x' || CAST(f.height AS varchar)) AS resolutions,
       count(DISTINCT f.compression) AS compressions, count(DISTINCT f.channel_count) AS channel_counts,
       count(DISTINCT f.pixel_types) AS pixel_types, count(DISTINCT f.color_space) AS color_spaces,
       count(DISTINCT f.software) AS software,
       count(CASE WHEN f.status = 'failed' OR f.is_complete = false THEN 1 END) AS broken
FROM files f LEFT JOIN validated ON validated.sequence = f.sequence
WHERE f.sequence IS NOT NULL AND f.path >= :prefix AND f.path < :prefix_end
GROUP BY f.sequence
ORDER BY f.sequence
