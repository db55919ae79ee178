//! Proofs of inclusion that transparency-dev/merkle has, good and bad.

use std::{
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use countersign::transparency::merkle::verify_inclusion;
use serde::Deserialize;

use crate::data::{not_run, vectors};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vector {
    leaf_idx: u64,
    tree_size: u64,
    root: Option<String>,
    leaf_hash: Option<String>,
    proof: Option<Vec<String>>,
    want_err: bool,
}

#[test]
fn proofs_are_as_good_as_others_say() {
    let Some(directory) = vectors("merkle/inclusion") else {
        return not_run("the vectors of Merkle trees are not there");
    };
    let mut files = Vec::new();
    collect(&directory, &mut files);
    let mut good = 0;
    for file in &files {
        let vector: Vector = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        let verified = verify(&vector);
        assert_eq!(verified.is_err(), vector.want_err, "{}: {verified:?}", file.display());
        good += usize::from(verified.is_ok());
    }
    assert!(files.len() >= 90 && good >= 5, "{} files, {good} good", files.len());
}

fn verify(vector: &Vector) -> Result<(), String> {
    let decode = |text: &str| STANDARD.decode(text).map_err(|e| e.to_string());
    let hash = |text: &Option<String>| -> Result<[u8; 32], String> {
        decode(text.as_deref().unwrap_or_default())?.try_into().map_err(|_| "length".to_owned())
    };
    let proof = vector.proof.iter().flatten().map(|p| decode(p)).collect::<Result<Vec<_>, _>>()?;
    let (leaf, root) = (hash(&vector.leaf_hash)?, hash(&vector.root)?);
    verify_inclusion(&leaf, vector.leaf_idx, vector.tree_size, &proof, &root)
        .map_err(|e| e.to_string())
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
    files.sort();
}
