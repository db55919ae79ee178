//! The module as kwctl and policy-server run it: the portable bytes, the callbacks of a stock host, and
//! images that cosign has signed.

mod drop_in;
mod examples;
mod stock;
