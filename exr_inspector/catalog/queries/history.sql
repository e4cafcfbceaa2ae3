-- Everything that happened to one file: inspections, repeats, removals. However often it was written, `files` has one row.
-- question: 9
-- param path text required bucket/key
SELECT recorded_at, outcome, status, error_code, mtime, stats_mode, worst_severity, requests, bytes_read, duration_ms,
       event_id, inspector_version
FROM inspections
WHERE file_path = :path
ORDER BY recorded_at
