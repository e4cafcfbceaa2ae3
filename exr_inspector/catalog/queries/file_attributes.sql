-- Attributes of one file with their complete values; values above the cell limit are joined from their pieces.
-- question: 2
-- param path text required bucket/key
SELECT part_index, attribute_index, min(name) AS name, min(type) AS type,
       array_to_string(array_agg(value ORDER BY chunk_index), '') AS value, min(value_text) AS value_text,
       min(value_number) AS value_number, min(size_bytes) AS size_bytes, min(problem) AS problem
FROM attributes
WHERE file_path = :path
GROUP BY part_index, attribute_index
ORDER BY part_index, attribute_index
