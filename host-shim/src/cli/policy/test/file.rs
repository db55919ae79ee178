//! Test files: what they say, and what they name.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use countersign::{
    admission::Admission,
    policy::Glob,
    time::Time,
    wire::{ImageRequest, Request},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::super::super::target;
use super::{
    case::{Asked, Case, Policy},
    expect::Expect,
    offline::{Image, Known, Offline},
};
use crate::{
    object,
    policy::Document,
    record::{Record, Recorded},
    source::{Layout, Selector, layout::LAYOUT},
};

/// `apiVersion` of a test.
pub(super) const TEST_VERSION: &str = "countersign.dev/test/v1";
/// What tests are named.
const ENDINGS: [&str; 3] = [".test.yaml", ".test.yml", ".test.json"];
/// Directories in directories.
const MOST_DEPTH: usize = 32;

/// A file of cases.
pub(super) struct TestFile {
    pub(super) cases: Vec<Case>,
}

/// A case as it is written; what it does not say, the file says for all.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    name: Option<String>,
    policy: Option<Value>,
    request: Option<WrittenRequest>,
    evidence: Option<Value>,
    now: Option<String>,
    expect: Option<Expect>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WrittenRequest {
    #[serde(default)]
    images: Vec<String>,
    /// A path, or the object.
    object: Option<Value>,
    old_object: Option<Value>,
    kind: Option<String>,
    name: Option<String>,
    namespace: Option<String>,
    namespace_labels: Option<Value>,
    operation: Option<String>,
    user_info: Option<Value>,
    #[serde(default)]
    can_patch: bool,
}

impl TestFile {
    /// Reads a file and everything that it names.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let document = Document::load(&path.to_string_lossy()).map_err(|e| e.to_string())?;
        let mut reader = Reader {
            document: &document,
            directory: path.parent().unwrap_or_else(|| Path::new("")),
            policies: BTreeMap::new(),
            records: BTreeMap::new(),
        };
        let cases = reader.cases()?;
        Ok(Self { cases })
    }
}

struct Reader<'d> {
    document: &'d Document,
    directory: &'d Path,
    policies: BTreeMap<PathBuf, Policy>,
    records: BTreeMap<PathBuf, Arc<Known>>,
}

impl Reader<'_> {
    fn cases(&mut self) -> Result<Vec<Case>, String> {
        let mut top = self.document.value.clone();
        let Some(members) = top.as_object_mut() else {
            return Err(self.error("", "not a test: expected an object"));
        };
        let version = members.remove("apiVersion").unwrap_or_default();
        if version != TEST_VERSION {
            let message = format!("not a test: `apiVersion` is not `{TEST_VERSION}`");
            return Err(self.error("/apiVersion", &message));
        }
        let cases = members.remove("cases");
        let shared: Written = self.typed(top, "")?;
        let Some(cases) = cases else {
            return Ok(vec![self.case(shared, "", "test")?]);
        };
        let cases = match cases {
            Value::Array(cases) if !cases.is_empty() => cases,
            _ => return Err(self.error("/cases", "`cases` is a list of at least one")),
        };
        if shared.name.is_some() || shared.expect.is_some() {
            return Err(self.error("", "`name` and `expect` stand in each of `cases`"));
        }
        let mut names = BTreeSet::new();
        let mut read = Vec::new();
        for (i, case) in cases.into_iter().enumerate() {
            let at = format!("/cases/{i}");
            let case: Written = self.typed(case, &at)?;
            let Some(name) = case.name.clone() else {
                return Err(self.error(&at, "`name` is missing"));
            };
            if !names.insert(name.clone()) {
                return Err(self.error(&format!("{at}/name"), "two cases have this name"));
            }
            let case = Written {
                name: case.name,
                policy: case.policy.or_else(|| shared.policy.clone()),
                request: case.request.or_else(|| shared.request.clone()),
                evidence: case.evidence.or_else(|| shared.evidence.clone()),
                now: case.now.or_else(|| shared.now.clone()),
                expect: case.expect,
            };
            read.push(self.case(case, &at, &name)?);
        }
        Ok(read)
    }

    fn case(&mut self, written: Written, at: &str, name: &str) -> Result<Case, String> {
        let Some(expect) = written.expect else {
            return Err(self.error(at, "`expect` is missing"));
        };
        if let Some(code) = expect.unknown_code() {
            let message = format!("`{code}` is not a reason code: see docs/reasons.md");
            return Err(self.error(&format!("{at}/expect"), &message));
        }
        let mut evidence = Offline::default();
        if let Some(written) = &written.evidence {
            let place = format!("{at}/evidence");
            let items =
                written.as_array().map_or_else(|| std::slice::from_ref(written), Vec::as_slice);
            for item in items {
                self.evidence(item, &mut evidence).map_err(|e| self.error(&place, &e))?;
            }
        }
        let policy = match (&written.policy, evidence.records.first()) {
            (Some(policy), _) => self.policy(policy, &format!("{at}/policy"))?,
            (None, Some(known)) => Policy::Inline(Arc::new(known.record.policy.clone())),
            (None, None) => return Err(self.error(at, "`policy` is missing")),
        };
        let now = match (&written.now, evidence.records.first()) {
            (Some(now), _) => now,
            (None, Some(known)) => &known.record.now,
            (None, None) => return Err(self.error(at, "`now` is missing")),
        };
        let now = Time::parse(now).ok_or_else(|| {
            self.error(&format!("{at}/now"), "`now` is not RFC 3339 such as 2026-11-21T03:00:00Z")
        })?;
        let place = format!("{at}/request");
        let asked = self.asked(written.request, &policy, &evidence);
        let asked = asked.map_err(|e| self.error(&place, &e))?;
        Ok(Case {
            name: written.name.unwrap_or_else(|| name.to_owned()),
            policy,
            asked,
            evidence,
            now,
            expect,
        })
    }

    fn policy(&mut self, written: &Value, at: &str) -> Result<Policy, String> {
        let Some(path) = written.as_str() else {
            return Ok(Policy::Inline(Arc::new(written.clone())));
        };
        let path = self.directory.join(path);
        if let Some(policy) = self.policies.get(&path) {
            return Ok(policy.clone());
        }
        let document = Document::load_policy(&path.to_string_lossy());
        let document = document.map_err(|e| self.error(at, &e.to_string()))?;
        let policy = Policy::File(Arc::new(document));
        self.policies.insert(path, policy.clone());
        Ok(policy)
    }

    /// A path; `{ record }`; `{ layout, image }`.
    fn evidence(&mut self, written: &Value, into: &mut Offline) -> Result<(), String> {
        let text = |name: &str| written[name].as_str();
        let names = written.as_object().map(|members| members.keys().map(String::as_str));
        let names: Vec<_> = names.into_iter().flatten().collect();
        match (written.as_str(), names.as_slice(), text("layout"), text("record")) {
            (Some(path), ..) => match path.strip_prefix(LAYOUT) {
                Some(place) => self.layout(place, None, into),
                None if self.directory.join(path).is_dir() => self.layout(path, None, into),
                None => self.record(path, into),
            },
            (_, ["record"], _, Some(path)) => self.record(path, into),
            (_, ["layout"] | ["image", "layout"], Some(place), _) => {
                self.layout(place, text("image"), into)
            }
            _ => Err("a record's path, a layout's, `{ record }` or `{ layout, image }`".to_owned()),
        }
    }

    fn record(&mut self, path: &str, into: &mut Offline) -> Result<(), String> {
        let path = self.directory.join(path);
        if !self.records.contains_key(&path) {
            let mut record = Record::read(&path)?;
            let answers = Recorded::new(std::mem::take(&mut record.evidence));
            self.records.insert(path.clone(), Arc::new(Known { record, answers }));
        }
        into.records.extend(self.records.get(&path).cloned());
        Ok(())
    }

    fn layout(&self, place: &str, image: Option<&str>, into: &mut Offline) -> Result<(), String> {
        if let Some(image) = image {
            target::parse_name(image).map_err(|e| format!("`image` is {e}"))?;
        }
        let place = self.directory.join(place);
        let place = place.to_string_lossy();
        let (directory, selector) = Selector::split(&place);
        let layout = Layout::open(Path::new(directory), selector, image);
        let layout = Arc::new(layout.map_err(|e| format!("{place}: {e}"))?);
        into.layouts.push(Image { repository: image.map(str::to_owned), layout });
        Ok(())
    }

    fn asked(
        &self,
        written: Option<WrittenRequest>,
        policy: &Policy,
        evidence: &Offline,
    ) -> Result<Asked, String> {
        let judge = |request: Request| Ok(Asked::Judge(Box::new(request)));
        let recorded = evidence.records.first().map(|known| &known.record.request);
        let Some(written) = written else {
            return match (recorded, evidence.layouts.as_slice()) {
                (Some(request), _) => judge(request.clone()),
                (None, []) => Err("`request` is missing".to_owned()),
                (None, layouts) => judge(Request { images: of(layouts), ..Request::default() }),
            };
        };
        let images = written
            .images
            .iter()
            .map(|reference| ImageRequest { reference: reference.clone(), path: None });
        let images: Vec<_> = images.collect();
        let asked = self.admission(&written)?;
        let (labels, can_patch) = (written.namespace_labels, written.can_patch);
        let with = |request: Request| Request { namespace_labels: labels, can_patch, ..request };
        if written.object.is_some() && images.is_empty() {
            return Ok(match object::admit(&asked, policy.value()) {
                Ok(Admission::Judge(request)) => Asked::Judge(Box::new(with(*request))),
                Ok(Admission::Pass) => Asked::Pass,
                Err(errors) => Asked::Refused(errors),
            });
        }
        let images = match (images.is_empty(), recorded) {
            (false, _) => images,
            (true, Some(request)) => request.images.clone(),
            (true, None) => of(&evidence.layouts),
        };
        judge(Request { images, ..with(object::context(&asked)) })
    }

    /// What an admission front would be asked.
    fn admission(&self, written: &WrittenRequest) -> Result<Value, String> {
        let object = self.object(&written.object)?;
        let mut asked = match &object {
            Some(object) => object::admission_request(object, written.namespace.as_deref()),
            None => object::admission_request(&Value::Null, written.namespace.as_deref()),
        };
        let mut set = |name: &str, value: Option<Value>| {
            if let (Some(value), Some(members)) = (value, asked.as_object_mut()) {
                members.insert(name.to_owned(), value);
            }
        };
        if let Some(kind) = &written.kind {
            let (group, kind) = kind.rsplit_once('/').unwrap_or(("", kind));
            set("kind", Some(serde_json::json!({ "group": group, "kind": kind })));
        }
        if object.is_none() {
            set("object", Some(Value::Null));
            set("operation", Some(Value::Null));
        }
        set("name", written.name.clone().map(Value::from));
        set("operation", written.operation.clone().map(Value::from));
        set("oldObject", self.object(&written.old_object)?);
        set("userInfo", written.user_info.clone());
        Ok(asked)
    }

    fn object(&self, written: &Option<Value>) -> Result<Option<Value>, String> {
        match written {
            Some(Value::String(path)) => {
                let path = self.directory.join(path);
                let document = Document::load(&path.to_string_lossy());
                Ok(Some(document.map_err(|e| e.to_string())?.value))
            }
            other => Ok(other.clone()),
        }
    }

    fn typed<T: DeserializeOwned>(&self, value: Value, at: &str) -> Result<T, String> {
        serde_json::from_value(value).map_err(|e| self.error(at, &e.to_string()))
    }

    fn error(&self, at: &str, message: &str) -> String {
        format!("{}: {message}", self.document.locate(at))
    }
}

fn of(layouts: &[Image]) -> Vec<ImageRequest> {
    let references = layouts.iter().map(|image| image.layout.reference().to_owned());
    references.map(|reference| ImageRequest { reference, path: None }).collect()
}

/// The tests that paths name, each once; in directories, those that are named like tests.
pub(super) fn find(arguments: &[String]) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    for argument in arguments {
        let path = Path::new(argument);
        if path.is_dir() {
            let mut inside = Vec::new();
            search(path, 0, &mut inside)?;
            inside.sort();
            found.extend(inside);
        } else {
            found.push(path.to_owned());
        }
    }
    let mut seen = BTreeSet::new();
    found.retain(|path| seen.insert(path.clone()));
    Ok(found)
}

fn search(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), String> {
    let error = |e: std::io::Error| format!("`{}` cannot be read: {e}", directory.display());
    for entry in fs::read_dir(directory).map_err(error)? {
        let entry = entry.map_err(error)?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        // Links are not followed: they may lead back.
        if entry.file_type().map_err(error)?.is_dir() {
            if !name.starts_with('.') && depth < MOST_DEPTH {
                search(&path, depth + 1, found)?;
            }
        } else if ENDINGS.iter().any(|ending| name.ends_with(ending)) {
            let plain = if directory == Path::new(".") { PathBuf::from(&*name) } else { path };
            found.push(plain);
        }
    }
    Ok(())
}

/// True where a case is one to be run.
pub(super) fn wanted(pattern: &Option<String>, file: &str, name: &str) -> bool {
    let Some(pattern) = pattern else { return true };
    let whole = format!("{file}: {name}");
    match Glob::parse_name(pattern) {
        Ok(glob) if pattern.contains('*') => glob.matches(&whole) || glob.matches(name),
        _ => whole.contains(pattern.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_part_or_the_whole_with_stars() {
        let wanted = |pattern: &str| wanted(&Some(pattern.to_owned()), "a/b.test.yaml", "no key");
        assert!(wanted("key") && wanted("b.test") && wanted("no*") && wanted("**: no key"));
        assert!(wanted("no") && !wanted("*: key") && !wanted("other"));
    }
}
