-- Layers over the frames of a sequence: the number of frames that have each, and changes of its channels or pixel types.
-- question: 3
-- param sequence text required key of the sequence, such as bucket/shot/beauty.####.exr
WITH used AS (
    SELECT f.frame_number, c.effective_layer AS layer, c.view_name,
           array_agg(c.component || ':' || c.type ORDER BY c.component, c.part_index) AS channels
    FROM files f
    JOIN channels c ON c.file_id = f.file_id AND c.content_key = f.content_key
    WHERE f.sequence = :sequence
    GROUP BY f.file_id, f.frame_number, c.effective_layer, c.view_name
)
SELECT layer, view_name, count(*) AS frames, min(frame_number) AS first_frame, max(frame_number) AS last_frame,
       count(DISTINCT channels) AS variants, count(DISTINCT channels) > 1 AS drifts
FROM used
GROUP BY layer, view_name
ORDER BY layer, view_name
