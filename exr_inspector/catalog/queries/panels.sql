-- One file for an asset manager: sequence, colour, camera, production, time code, structure, provenance.
-- question: panels
-- param path text required bucket/key
SELECT sequence, frame_number, color_space, color_interop_id, chromaticities, white_luminance, is_aces,
       camera_make, camera_model, lens_make, lens_model, iso_speed, exposure_time, shutter_angle, t_stop, aperture,
       focal_length, capture_date, utc_offset, owner, comments, creator, reel_name, timecode, fps,
       multipart_count, is_deep, is_tiled, views, is_stereo, width, height, display_width, display_height,
       pixel_aspect_ratio, bit_depth, has_cryptomatte, software, header_hash, hash, inspector_version, inspected_at, policy
FROM files
WHERE path = :path
