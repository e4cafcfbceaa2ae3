-- Sequences by their last validation, highest severity first: frames present, missing, to render again, with headers to edit and to convert, findings and their codes.
-- question: 6
-- param prefix text '' beginning of bucket/key
-- param prefix_end text =prefix the smallest text above all that begin with prefix
SELECT sequence, min(first_frame) AS first_frame, max(last_frame) AS last_frame, max(file_count) AS files,
       max(missing_count) AS missing, max(error_files) AS files_with_errors, max(rerender_count) AS rerender,
       max(header_edit_count) AS header_edits, max(conversion_count) AS conversions,
       count(CASE WHEN severity = 'error' THEN 1 END) AS errors, count(CASE WHEN severity = 'warning' THEN 1 END) AS warnings,
       CASE WHEN max(error_files) > 0 OR max(severity_rank) = 3 THEN 'failed'
            WHEN max(severity_rank) = 2 THEN 'warnings' ELSE 'passed' END AS result,
       max(policy) AS policy, max(judged_at) AS judged_at
FROM sequence_validation
WHERE sequence >= :prefix AND sequence < :prefix_end
GROUP BY sequence
ORDER BY max(error_files) + max(missing_count) DESC, sequence
