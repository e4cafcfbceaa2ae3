-- Values to filter a listing by, with their number of files; each branch reads one column.
-- question: 5
-- param prefix text '' beginning of bucket/key
-- param prefix_end text =prefix the smallest text above all that begin with prefix
SELECT 'compression' AS field, compression AS value, count(*) AS files FROM files WHERE path >= :prefix AND path < :prefix_end GROUP BY compression
UNION ALL
SELECT 'color_space', color_space, count(*) FROM files WHERE path >= :prefix AND path < :prefix_end GROUP BY color_space
UNION ALL
SELECT 'software', software, count(*) FROM files WHERE path >= :prefix AND path < :prefix_end GROUP BY software
UNION ALL
SELECT 'bit_depth', bit_depth, count(*) FROM files WHERE path >= :prefix AND path < :prefix_end GROUP BY bit_depth
UNION ALL
SELECT 'part_type', part_type, count(*) FROM files WHERE path >= :prefix AND path < :prefix_end GROUP BY part_type
UNION ALL
SELECT 'camera_model', camera_model, count(*) FROM files WHERE path >= :prefix AND path < :prefix_end GROUP BY camera_model
ORDER BY field, files DESC, value
