//! Which kinds of objects hold images, and where.

use serde_json::Value;

/// What a policy says of kinds that are not built in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kinds {
    /// Of any group, or of one: they pass without being looked at.
    pub ignored: Vec<(Option<String>, String)>,
    /// Where others keep their images.
    pub resources: Vec<Resource>,
    /// True where an update may not be spared: something that the policy reads may have changed
    /// although the image has not.
    pub judge_updates: bool,
    /// True where the policy reads the labels of objects.
    pub reads_labels: bool,
}

/// A kind and where it keeps images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// API group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// JSON pointers, in which `*` stands for every element or member.
    pub images: Vec<String>,
    /// True where an object without any image passes.
    pub optional: bool,
}

/// Images of one object of a custom kind.
const MOST_IMAGES: usize = 1024;

impl Kinds {
    /// True where a kind is not looked at.
    pub(super) fn ignores(&self, group: &str, kind: &str) -> bool {
        let same = |(g, k): &(Option<String>, String)| {
            k == kind && g.as_deref().is_none_or(|g| g == group)
        };
        self.ignored.iter().any(same)
    }

    pub(super) fn resource(&self, group: &str, kind: &str) -> Option<&Resource> {
        self.resources.iter().find(|r| r.kind == kind && r.group == group)
    }
}

impl Resource {
    /// Every image, and its place; or the place of what is none.
    pub(super) fn find(&self, object: &Value) -> Result<Vec<(String, String)>, String> {
        let mut found = Vec::new();
        for pointer in &self.images {
            let mut open = vec![(String::new(), object)];
            for segment in pointer.split('/').skip(1) {
                if let ("*", Some((path, _))) = (segment, open.iter().find(|(_, v)| is_plain(v))) {
                    return Err(path.clone());
                }
                open = open.into_iter().flat_map(|(at, v)| step(&at, v, segment)).collect();
                if open.len() > MOST_IMAGES {
                    return Err(pointer.clone());
                }
            }
            for (path, value) in open {
                match value {
                    Value::String(image) => found.push((image.clone(), path)),
                    Value::Null => {}
                    _ => return Err(path),
                }
            }
        }
        Ok(found)
    }
}

/// True for what has no elements, and should have.
fn is_plain(value: &Value) -> bool {
    matches!(value, Value::Bool(_) | Value::Number(_) | Value::String(_))
}

fn step<'v>(at: &str, value: &'v Value, segment: &str) -> Vec<(String, &'v Value)> {
    let escaped = |name: &str| name.replace('~', "~0").replace('/', "~1");
    match (segment, value) {
        ("*", Value::Array(items)) => {
            items.iter().enumerate().map(|(i, v)| (format!("{at}/{i}"), v)).collect()
        }
        ("*", Value::Object(members)) => {
            members.iter().map(|(name, v)| (format!("{at}/{}", escaped(name)), v)).collect()
        }
        _ => {
            let path = format!("/{segment}");
            let found = value.pointer(&path).map(|v| (format!("{at}/{segment}"), v));
            found.into_iter().collect()
        }
    }
}
