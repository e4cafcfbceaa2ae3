-- One file with its parts, one row per part; a file without a readable header has one row with empty part columns.
-- question: 2
-- param path text required bucket/key
SELECT f.path, f.status, f.error_code, f.size_bytes, f.mtime, f.is_complete AS file_is_complete, f.inspected_at,
       f.inspector_version, p.part_index, p.part_name, p.view_name, p.part_type, p.width, p.height, p.data_window,
       p.display_window, p.pixel_aspect_ratio, p.compression, p.line_order, p.tiling, p.channel_count, p.is_complete,
       p.complete_fraction
FROM files f
LEFT JOIN parts p ON p.file_path = :path AND p.file_id = f.file_id AND p.content_key = f.content_key
WHERE f.path = :path
ORDER BY p.part_index
