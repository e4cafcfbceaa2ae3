-- What the rules found, worst first.
-- question: 8
-- param prefix text '' beginning of bucket/key
-- param rank int 2 least severity: 1 info, 2 warning, 3 error
SELECT severity, code, file_path, part_index, channel, message
FROM validation
WHERE starts_with(file_path, :prefix) AND severity_rank >= :rank
ORDER BY severity_rank DESC, code, file_path, part_index
