-- Frames that show an object of a Cryptomatte, with the area it covers; also frames without a manifest, by the object's id.
-- empty: Objects are stored by full passes with EXR_MAX_OBJECTS above 0, such as 10000, of Cryptomattes alone.
-- question: 10
-- param name text required name of the object, as in the manifest
-- param prefix text '' beginning of bucket/key
-- param prefix_end text =prefix the smallest text above all that begin with prefix
SELECT o.file_path, f.sequence, f.frame_number, o.cryptomatte, o.view_name, o.id, o.coverage, o.pixels
FROM (SELECT DISTINCT id FROM cryptomatte_manifests WHERE name = :name) m
JOIN cryptomatte_objects o ON o.id = m.id
JOIN files f ON f.file_id = o.file_id AND f.content_key = o.content_key
WHERE o.file_path >= :prefix AND o.file_path < :prefix_end
  AND f.path >= :prefix AND f.path < :prefix_end
ORDER BY o.file_path, o.cryptomatte, o.view_name
