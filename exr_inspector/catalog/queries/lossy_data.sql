-- Channels that hold data rather than colour (ids, depth, positions, normals, Cryptomatte) in a lossy compression.
-- question: 8
-- param prefix text '' beginning of bucket/key
-- param prefix_end text =prefix the smallest text above all that begin with prefix
SELECT c.file_path, c.part_index, c.name, c.type, p.compression
FROM channels c
JOIN parts p ON p.file_id = c.file_id AND p.content_key = c.content_key AND p.part_index = c.part_index
WHERE c.file_path >= :prefix AND c.file_path < :prefix_end
  AND p.file_path >= :prefix AND p.file_path < :prefix_end AND c.is_lossy
  AND (c.cryptomatte IS NOT NULL OR c.component IN ('Z', 'ZBack', 'id', 'ID', 'U', 'V', 'X', 'x', 'y', 'z')
       OR lower(c.layer) IN ('n', 'normal', 'normals', 'p', 'position', 'motion', 'uv', 'depth'))
ORDER BY c.file_path, c.part_index, c.name
