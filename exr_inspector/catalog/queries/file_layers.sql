-- Channels of one file, grouped by part, view and layer.
-- question: 2
-- param path text required bucket/key
SELECT part_index, view_name, layer, effective_layer, array_agg(component ORDER BY channel_index) AS components,
       array_agg(DISTINCT type ORDER BY type) AS types, bool_or(is_lossy) AS is_lossy
FROM channels
WHERE file_path = :path
GROUP BY part_index, view_name, layer, effective_layer
ORDER BY part_index, min(channel_index)
