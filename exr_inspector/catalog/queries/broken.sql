-- Files that are incomplete, unreadable or have bad pixels, with the first rule that they break, or the reason.
-- question: 8
-- param prefix text '' beginning of bucket/key
-- param prefix_end text =prefix the smallest text above all that begin with prefix
WITH first_errors AS (
    SELECT file_id, min(code || ': ' || message) AS finding
    FROM validation
    WHERE file_path >= :prefix AND file_path < :prefix_end AND severity = 'error'
    GROUP BY file_id
)
SELECT f.path, f.status, f.error_code, f.is_complete, f.nan_count, f.inf_count, f.is_black, f.pixel_fault_count, f.worst_severity,
       CASE WHEN f.status = 'failed' THEN f.error_message
            WHEN e.finding IS NOT NULL THEN e.finding
            WHEN f.is_complete = false THEN 'chunks are missing'
            WHEN f.pixel_fault_count > 0 THEN 'pixels cannot be decoded'
            WHEN f.nan_count > 0 OR f.inf_count > 0 THEN 'NaN or infinity'
            ELSE 'black' END AS reason
FROM files f LEFT JOIN first_errors e ON e.file_id = f.file_id
WHERE f.path >= :prefix AND f.path < :prefix_end
  AND (f.status = 'failed' OR f.is_complete = false OR f.pixel_fault_count > 0 OR f.nan_count > 0 OR f.inf_count > 0 OR f.is_black
       OR f.worst_severity = 'error')
ORDER BY f.path
