//! What the fuzz targets do, see `targets`; and how inputs are changed, see `forge`.

mod cbor;
mod der;
pub mod forge;
mod random;
pub mod targets;
