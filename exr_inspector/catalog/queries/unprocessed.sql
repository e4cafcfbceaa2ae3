-- On a cluster: EXR files of a view that have no row, or are newer than their row, and rows whose file does not exist.
-- The VAST Catalog names files by their path on the cluster; `root` is the path of the bucket's view, such as /renders.
-- In Trino the table is "vast-big-catalog-bucket|vast_big_catalog_schema".vast_big_catalog_table. Without a VAST Catalog use
-- ./run db reconcile, which lists the bucket itself.
-- Prefixes are ranges, from `root/` to before `root0`, since 0 follows the slash.
-- question: 7
-- param bucket text required bucket
-- param root text required path of the bucket's view on the cluster, no trailing slash
WITH objects AS (
    SELECT :bucket || substr(trim(TRAILING '/' FROM parent_path) || '/' || name, length(:root) + 1) AS path, size, mtime
    FROM vast_big_catalog_table
    WHERE element_type = 'FILE' AND lower(name) LIKE '%.exr'
      AND (parent_path = :root OR (parent_path >= :root || '/' AND parent_path < :root || '0'))
)
SELECT coalesce(o.path, f.path) AS path,
       CASE WHEN f.path IS NULL THEN 'no row' WHEN o.path IS NULL THEN 'no object' ELSE 'stale row' END AS state
FROM objects o
FULL JOIN (
    SELECT path, size_bytes, mtime FROM files
    WHERE bucket = :bucket AND path >= :bucket || '/' AND path < :bucket || '0'
) f ON f.path = o.path
WHERE f.path IS NULL OR o.path IS NULL OR f.size_bytes <> o.size OR f.mtime < date_trunc('second', o.mtime)
ORDER BY 1
