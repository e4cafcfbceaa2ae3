-- Findings of the rules, highest severity first.
-- question: 8
-- param prefix text '' beginning of bucket/key
-- param prefix_end text =prefix the smallest text above all that begin with prefix
-- param rank int 2 lowest severity: 1 info, 2 warning, 3 error
SELECT severity, code, file_path, part_index, channel, message
FROM validation
WHERE file_path >= :prefix AND file_path < :prefix_end AND severity_rank >= :rank
ORDER BY severity_rank DESC, code, file_path, part_index
