-- Objects of a file's Cryptomattes, largest first, with their names; the name is null if the manifest lacks the id.
-- empty: Objects are stored by full passes with EXR_MAX_OBJECTS above 0, such as 10000, of Cryptomattes alone.
-- question: 10
-- param path text required bucket/key
SELECT o.part_index, o.cryptomatte, o.view_name, m.name, o.id, o.coverage, o.pixels
FROM cryptomatte_objects o
LEFT JOIN cryptomatte_manifests m ON m.manifest_hash = o.manifest_hash AND m.id = o.id
WHERE o.file_path = :path
ORDER BY o.object_index, m.name
