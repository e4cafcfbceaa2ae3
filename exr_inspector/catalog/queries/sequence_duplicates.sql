-- Frames that are there twice: the same number under two paddings, such as a.7.exr beside a.0007.exr.
-- question: 6
-- param prefix text '' beginning of bucket/key
SELECT regexp_replace(sequence, '#+', '#') AS sequence, frame_number, count(*) AS files, min(path) AS one, max(path) AS other
FROM files
WHERE sequence IS NOT NULL AND starts_with(path, :prefix)
GROUP BY regexp_replace(sequence, '#+', '#'), frame_number
HAVING count(*) > 1
ORDER BY 1, 2
