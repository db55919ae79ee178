//! What the fuzz targets do; see `targets`.

pub mod targets;
