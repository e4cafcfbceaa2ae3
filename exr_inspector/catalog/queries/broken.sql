-- Files that are incomplete, unreadable or have bad pixels, with the reason.
-- question: 8
-- param prefix text '' beginning of bucket/key
-- param prefix_end text =prefix the smallest text above all that begin with prefix
SELECT path, status, error_code, is_complete, nan_count, inf_count, is_black, pixel_fault_count, worst_severity,
       CASE WHEN status = 'failed' THEN error_message
            WHEN is_complete = false THEN 'chunks are missing'
            WHEN pixel_fault_count > 0 THEN 'pixels cannot be decoded'
            WHEN nan_count > 0 OR inf_count > 0 THEN 'NaN or infinity'
            WHEN is_black THEN 'black'
            ELSE 'failed checks' END AS reason
FROM files
WHERE path >= :prefix AND path < :prefix_end
  AND (status = 'failed' OR is_complete = false OR pixel_fault_count > 0 OR nan_count > 0 OR inf_count > 0 OR is_black
       OR worst_severity = 'error')
ORDER BY path
