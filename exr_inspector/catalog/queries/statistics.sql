-- Statistics of the channels of one file.
-- question: 8
-- param path text required bucket/key
SELECT part_index, channel, level_x, level_y, min, max, mean, stddev, nan_count, inf_count, is_constant, coverage, exact
FROM stats
WHERE file_path = :path
ORDER BY stats_index
