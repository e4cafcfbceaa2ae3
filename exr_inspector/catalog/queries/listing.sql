-- Files below a path prefix, page by page, with the columns of a listing.
-- question: 1
-- param prefix text '' beginning of bucket/key
-- param prefix_end text =prefix the smallest text above all that begin with prefix
-- param after text '' last path of the previous page
-- param rows int 100 files on the page
SELECT path, width, height, compression, color_space, is_deep, is_tiled, software, channel_count, multipart_count,
       frame_number, sequence, size_bytes, mtime, status, is_complete, worst_severity
FROM files
WHERE path >= :prefix AND path < :prefix_end AND path > :after
ORDER BY path
LIMIT :rows
