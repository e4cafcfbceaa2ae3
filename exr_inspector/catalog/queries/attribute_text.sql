-- Files whose attribute has a text.
-- question: 4
-- param name text 'shot' attribute name
-- param value text required the whole text, up to 4,000 characters of it
SELECT file_path, part_index, type, value_text
FROM attributes
WHERE name = :name AND chunk_index = 0 AND value_text = :value
ORDER BY file_path, part_index
