-- Files with an attribute between two numbers.
-- question: 4
-- param name text 'isoSpeed' attribute name
-- param least number 0 smallest value
-- param most number 1e300 largest value
SELECT file_path, part_index, type, value_number
FROM attributes
WHERE name = :name AND chunk_index = 0 AND value_number BETWEEN :least AND :most
ORDER BY value_number, file_path, part_index
