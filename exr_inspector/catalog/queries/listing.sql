-- Files below a path prefix, a page at a time, with what a listing shows of them.
-- question: 1
-- param prefix text '' beginning of bucket/key
-- param prefix_end text =prefix the first text behind all that begin with prefix
-- param after text '' path that the last page ended with
-- param rows int 100 files on the page
SELECT path, width, height, compression, color_space, is_deep, is_tiled, software, channel_count, multipart_count,
       frame_number, sequence, size_bytes, mtime, status, is_complete, worst_severity
FROM files
WHERE path >= :prefix AND path < :prefix_end AND path > :after
ORDER BY path
LIMIT :rows
