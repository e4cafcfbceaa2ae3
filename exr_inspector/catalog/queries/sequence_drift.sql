-- Frames of a sequence that differ from most of its frames.
-- question: 6
-- param sequence text required key of the sequence
WITH kinds AS (
    SELECT width, height, compression, channel_count, pixel_types, color_space, count(*) AS frames,
           row_number() OVER (ORDER BY count(*) DESC, min(frame_number)) AS place
    FROM files
    WHERE sequence = :sequence
    GROUP BY width, height, compression, channel_count, pixel_types, color_space
)
SELECT f.frame_number, f.path, f.status, f.width, f.height, f.compression, f.channel_count, f.pixel_types, f.color_space
FROM files f
CROSS JOIN kinds k
WHERE f.sequence = :sequence AND k.place = 1
  AND (f.width IS DISTINCT FROM k.width OR f.height IS DISTINCT FROM k.height
       OR f.compression IS DISTINCT FROM k.compression OR f.channel_count IS DISTINCT FROM k.channel_count
       OR f.pixel_types IS DISTINCT FROM k.pixel_types OR f.color_space IS DISTINCT FROM k.color_space)
ORDER BY f.frame_number
