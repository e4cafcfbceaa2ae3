-- Files with a badge: deep, stereo, multi-part, anamorphic, failed checks.
-- question: panels
-- param prefix text '' beginning of bucket/key
SELECT path, is_deep, is_stereo, is_multipart, is_anamorphic, worst_severity = 'error' AS failed_checks
FROM files
WHERE starts_with(path, :prefix)
  AND (is_deep OR is_stereo OR is_multipart OR is_anamorphic OR worst_severity = 'error')
ORDER BY path
