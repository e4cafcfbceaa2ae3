-- Similar thumbnails below a prefix: pairs of different files whose difference hashes differ in few of 64 bits.
-- All thumbnails are compared with each other, so choose a folder of a few thousand files. Uniform thumbnails are left out.
-- empty: Thumbnails are stored by `check --catalog`, and with EXR_THUMBNAILS.
-- question: 11
-- param prefix text required beginning of bucket/key
-- param prefix_end text =prefix the smallest text above all that begin with prefix
-- param bits int 4 largest number of differing bits; useful from 0 to 10
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
