-- Frame numbers with two files, in different paddings, such as a.7.exr and a.0007.exr.
-- question: 6
-- param prefix text '' beginning of bucket/key
-- param prefix_end text =prefix the smallest text above all that begin with prefix
SELECT regexp_replace(sequence, '#+', '#', 'g') AS sequence, frame_number, count(*) AS files, min(path) AS one, max(path) AS other
FROM files
WHERE sequence IS NOT NULL AND path >= :prefix AND path < :prefix_end
GROUP BY regexp_replace(sequence, '#+', '#', 'g'), frame_number
HAVING count(*) > 1
ORDER BY 1, 2
