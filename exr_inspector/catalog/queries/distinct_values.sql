-- Values to filter a listing by, with their number of files; each branch reads one column.
-- question: 5
-- param prefix text '' beginning of bucket/key
SELECT 'compression' AS field, compression AS value, count(*) AS files FROM files WHERE starts_with(path, :prefix) GROUP BY compression
UNION ALL
SELECT 'color_space', color_space, count(*) FROM files WHERE starts_with(path, :prefix) GROUP BY color_space
UNION ALL
SELECT 'software', software, count(*) FROM files WHERE starts_with(path, :prefix) GROUP BY software
UNION ALL
SELECT 'bit_depth', bit_depth, count(*) FROM files WHERE starts_with(path, :prefix) GROUP BY bit_depth
UNION ALL
SELECT 'part_type', part_type, count(*) FROM files WHERE starts_with(path, :prefix) GROUP BY part_type
UNION ALL
SELECT 'camera_model', camera_model, count(*) FROM files WHERE starts_with(path, :prefix) GROUP BY camera_model
ORDER BY field, files DESC, value
