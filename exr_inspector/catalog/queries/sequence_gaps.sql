-- Runs of missing frames by the last validation of each sequence; of one never validated, between its first and last frame.
-- question: 6
-- param prefix text '' beginning of bucket/key
-- param prefix_end text =prefix the smallest text above all that begin with prefix
WITH validated AS (
    SELECT sequence, missing_frames
    FROM sequence_validation
    WHERE sequence >= :prefix AND sequence < :prefix_end AND finding_index = 0
), runs AS (
    SELECT sequence, CAST(regexp_extract(run, '^-?[0-9]+') AS bigint) AS first_missing,
           CAST(coalesce(nullif(regexp_extract(run, '^-?[0-9]+-(-?[0-9]+)', 1), ''), regexp_extract(run, '^-?[0-9]+')) AS bigint)
               AS last_missing,
           CAST(coalesce(nullif(regexp_extract(run, 'x([0-9]+)$', 1), ''), '1') AS bigint) AS step
    FROM validated CROSS JOIN unnest(string_split(missing_frames, ',')) AS ranges(run)
    WHERE run <> '...'
), neighbours AS (
    SELECT sequence, frame_number, lead(frame_number) OVER (PARTITION BY sequence ORDER BY frame_number) AS next_frame
    FROM (
        SELECT DISTINCT f.sequence, f.frame_number
        FROM files f LEFT JOIN validated ON validated.sequence = f.sequence
        WHERE f.sequence IS NOT NULL AND f.path >= :prefix AND f.path < :prefix_end AND validated.sequence IS NULL
    ) unvalidated
)
SELECT sequence, first_missing, last_missing, CAST((last_missing - first_missing) / step AS bigint) + 1 AS frames
FROM runs
UNION ALL
SELECT sequence, frame_number + 1, next_frame - 1, next_frame - frame_number - 1
FROM neighbours
WHERE next_frame - frame_number > 1
ORDER BY sequence, first_missing
