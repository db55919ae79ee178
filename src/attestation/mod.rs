//! In-toto statements and what policies ask of them.

pub mod statement;
