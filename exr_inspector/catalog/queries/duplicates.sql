-- Files with equal decoded pixels: copies, held frames and renders that were written twice.
-- empty: Pixels are compared where EXR_HASH is on and all pixels were read, as `check --catalog` does.
-- question: 6
-- param prefix text '' beginning of bucket/key
-- param prefix_end text =prefix the smallest text above all that begin with prefix
SELECT pixel_hash, count(*) AS files, min(file_path) AS one, max(file_path) AS other
FROM parts
WHERE pixel_hash IS NOT NULL AND part_index = 0 AND file_path >= :prefix AND file_path < :prefix_end
GROUP BY pixel_hash
HAVING count(*) > 1
ORDER BY files DESC, one
