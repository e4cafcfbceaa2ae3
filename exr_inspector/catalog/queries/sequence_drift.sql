-- Frames of a sequence that differ from most of its frames, and in what: a row for each property and channel.
-- question: 6
-- param sequence text required key of the sequence
WITH frames AS (
    SELECT file_id, content_key, path, frame_number, frame_padding, status, software, fps, pixel_aspect_ratio,
           CASE WHEN status = 'inspected' THEN coalesce(color_interop_id, 'none') END AS color_interop_id,
           CASE WHEN status = 'inspected' THEN coalesce(chromaticities, 'none') END AS chromaticities,
           CASE WHEN status = 'inspected' THEN coalesce(views, 'none') END AS views,
           CASE WHEN status = 'inspected' AND is_aces THEN 'yes' WHEN status = 'inspected' THEN 'no' END AS aces,
           max(CASE WHEN length(CAST(abs(frame_number) AS varchar)) < frame_padding THEN frame_padding END) OVER () AS widest
    FROM files
    WHERE sequence = :sequence
), stored_parts AS (
    SELECT f.path, f.frame_number,
           array_to_string(array_agg(p.compression ORDER BY p.part_index), ', ') AS compression,
           array_to_string(array_agg(p.part_type || coalesce(' ' || p.tiling, '') ORDER BY p.part_index), ', ') AS storage,
           array_to_string(array_agg(coalesce(p.cryptomattes, '') ORDER BY p.part_index), '') AS cryptomattes,
           max(CASE WHEN p.part_index = 0 THEN CAST(p.display_x_min AS varchar) || ' ' || CAST(p.display_y_min AS varchar) || ' '
               || CAST(p.display_x_max AS varchar) || ' ' || CAST(p.display_y_max AS varchar) END) AS display_window,
           max(CASE WHEN p.part_index = 0 THEN CAST(p.data_x_min AS varchar) || ' ' || CAST(p.data_y_min AS varchar) || ' '
               || CAST(p.data_x_max AS varchar) || ' ' || CAST(p.data_y_max AS varchar) END) AS data_window
    FROM frames f
    JOIN parts p ON p.file_id = f.file_id AND p.content_key = f.content_key
    WHERE p.file_path >= :sequence AND p.file_path < replace(:sequence, '#', ':')
    GROUP BY f.path, f.frame_number
), facts AS (
    SELECT path, frame_number, 'status' AS property, status AS value FROM frames
    UNION ALL SELECT path, frame_number, 'digits', CAST(frame_padding AS varchar) FROM frames WHERE frame_padding <= widest
    UNION ALL SELECT path, frame_number, 'software', software FROM frames
    UNION ALL SELECT path, frame_number, 'fps', CAST(fps AS varchar) FROM frames
    UNION ALL SELECT path, frame_number, 'pixel_aspect_ratio', CAST(pixel_aspect_ratio AS varchar) FROM frames
    UNION ALL SELECT path, frame_number, 'color_interop_id', color_interop_id FROM frames
    UNION ALL SELECT path, frame_number, 'chromaticities', chromaticities FROM frames
    UNION ALL SELECT path, frame_number, 'views', views FROM frames
    UNION ALL SELECT path, frame_number, 'is_aces', aces FROM frames
    UNION ALL SELECT path, frame_number, 'compression', compression FROM stored_parts
    UNION ALL SELECT path, frame_number, 'storage', storage FROM stored_parts
    UNION ALL SELECT path, frame_number, 'cryptomattes', cryptomattes FROM stored_parts
    UNION ALL SELECT path, frame_number, 'display_window', display_window FROM stored_parts
    UNION ALL SELECT path, frame_number, 'data_window', data_window FROM stored_parts
), kinds AS (
    SELECT property, value, count(*) AS frames, sum(count(*)) OVER (PARTITION BY property) AS all_frames,
           row_number() OVER (PARTITION BY property ORDER BY count(*) DESC, min(frame_number)) AS place
    FROM facts
    WHERE value IS NOT NULL
    GROUP BY property, value
), stored_channels AS (
    SELECT f.path, f.frame_number, c.part_index, c.name, c.type
    FROM frames f
    JOIN channels c ON c.file_id = f.file_id AND c.content_key = f.content_key
    WHERE c.file_path >= :sequence AND c.file_path < replace(:sequence, '#', ':')
), channel_lists AS (
    SELECT path, frame_number,
           array_to_string(array_agg(CAST(part_index AS varchar) || ':' || name || ' ' || type ORDER BY part_index, name), ',')
               AS channels
    FROM stored_channels
    GROUP BY path, frame_number
), channel_kinds AS (
    SELECT channels, min(path) AS path, row_number() OVER (ORDER BY count(*) DESC, min(frame_number)) AS place
    FROM channel_lists
    GROUP BY channels
), odd AS (
    SELECT l.path, l.frame_number
    FROM channel_lists l
    JOIN channel_kinds k ON k.place = 1
    WHERE l.channels <> k.channels
), usual AS (
    SELECT c.part_index, c.name, c.type
    FROM channel_kinds k
    JOIN stored_channels c ON c.path = k.path
    WHERE k.place = 1
), odd_channels AS (
    SELECT c.path, c.frame_number, c.part_index, c.name, c.type
    FROM odd o
    JOIN stored_channels c ON c.path = o.path
), differences AS (
    SELECT f.frame_number, f.path, f.property, f.value AS found, k.value AS in_most
    FROM facts f
    JOIN kinds k ON k.property = f.property AND k.place = 1
    WHERE f.value <> k.value AND (f.property <> 'data_window' OR 2 * k.frames > k.all_frames)
    UNION ALL
    SELECT o.frame_number, o.path, 'channel ' || u.name, c.type, u.type
    FROM odd o
    CROSS JOIN usual u
    LEFT JOIN odd_channels c ON c.path = o.path AND c.part_index = u.part_index AND c.name = u.name
    WHERE c.type IS NULL OR c.type <> u.type
    UNION ALL
    SELECT c.frame_number, c.path, 'channel ' || c.name, c.type, u.type
    FROM odd_channels c
    LEFT JOIN usual u ON u.part_index = c.part_index AND u.name = c.name
    WHERE u.type IS NULL
)
SELECT frame_number, path, property, found, in_most
FROM differences
ORDER BY frame_number, path, property
