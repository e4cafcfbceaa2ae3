-- Files with a badge: deep, stereo, multi-part, anamorphic, failed checks.
-- question: panels
-- param prefix text '' beginning of bucket/key
-- param prefix_end text =prefix the smallest text above all that begin with prefix
SELECT path, is_deep, is_stereo, is_multipart, is_anamorphic, worst_severity = 'error' AS failed_checks
FROM files
WHERE path >= :prefix AND path < :prefix_end
  AND (is_deep OR is_stereo OR is_multipart OR is_anamorphic OR worst_severity = 'error')
ORDER BY path
