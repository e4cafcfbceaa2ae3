-- Inspections, repeated events and removals of one file. `files` has one row, however often the file was written.
-- question: 9
-- param path text required bucket/key
SELECT recorded_at, outcome, status, error_code, mtime, stats_mode, worst_severity, requests, bytes_read, duration_ms,
       event_id, inspector_version
FROM inspections
WHERE file_path = :path
ORDER BY recorded_at
