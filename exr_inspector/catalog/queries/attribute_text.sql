-- Files with an attribute equal to a text.
-- question: 4
-- param name text 'shot' attribute name
-- param value text required the complete value, or its first 4,000 characters
SELECT file_path, part_index, type, value_text
FROM attributes
WHERE name = :name AND chunk_index = 0 AND value_text = :value
ORDER BY file_path, part_index
