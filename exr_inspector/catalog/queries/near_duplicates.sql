-- Pictures that look alike below a prefix: pairs whose difference hashes differ in few of 64 bits, though the files differ.
-- Every picture is compared with every other one: keep to a folder of some thousand files. Pictures without structure are left out.
-- question: 11
-- param prefix text required beginning of bucket/key
-- param prefix_end text =prefix the first text behind all that begin with prefix
-- param bits int 4 most bits that differ; 0 to 10 make sense
WITH pictures AS (
    SELECT file_path, part_index, layer, difference_hash
    FROM thumbnails
    WHERE file_path >= :prefix AND file_path < :prefix_end AND difference_hash <> 0
)
SELECT a.file_path AS one, b.file_path AS other, a.layer, bit_count(xor(a.difference_hash, b.difference_hash)) AS bits
FROM pictures a
JOIN pictures b ON a.part_index = b.part_index AND a.layer = b.layer AND a.file_path < b.file_path
WHERE bit_count(xor(a.difference_hash, b.difference_hash)) <= :bits
ORDER BY bits, one, other
