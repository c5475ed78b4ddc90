//! How long a tokenizer's steps can make a text at most, by its file alone.
//!
//! Steps follow each other, and each may lengthen what the one before gave: forty replacements that double a text make a terabyte of a
//! byte. Only steps whose growth is known here are taken, with no other field than theirs that lengthens anything. It knows nothing of what
//! steps do.

use serde_json::{Map, Value};

/// Bytes that a text may become, and tokens that it may be cut into.
const MOST: usize = 1 << 22;
/// Bytes of a name, prefix or pattern.
const MOST_WORD: usize = 1 << 10;
/// Copies of a part of a pattern, over all counted repetitions within each other.
const MOST_REPEATS: usize = 1 << 12;

/// Normalisers, and how many times as long they make a text.
const NORMALISERS: [(&str, usize); 9] = [
    ("BertNormalizer", 16),
    ("ByteLevel", 2),
    ("Lowercase", 3),
    ("NFC", 3),
    ("NFD", 3),
    ("NFKC", 11),
    ("NFKD", 11),
    ("Strip", 1),
    ("StripAccents", 1),
];
/// What cuts a text into words, and how many times as long it makes them.
const CUTTERS: [(&str, usize); 10] = [
    ("BertPreTokenizer", 1),
    ("ByteLevel", 2),
    ("Digits", 1),
    ("FixedLength", 1),
    ("Metaspace", 4),
    ("Punctuation", 1),
    ("Split", 1),
    ("UnicodeScripts", 1),
    ("Whitespace", 1),
    ("WhitespaceSplit", 1),
];
/// What puts tokens around those of a text: at most two.
const FRAMES: [&str; 3] = ["BertProcessing", "ByteLevel", "RobertaProcessing"];
/// Fields that lengthen a text, each with the one kind of step that may have it.
const LENGTHENING: [(&str, &str); 6] = [
    ("content", "Replace"),
    ("normalizers", "Sequence"),
    ("prepend", "Prepend"),
    ("pretokenizers", "Sequence"),
    ("processors", "Sequence"),
    ("precompiled_charsmap", ""),
];

/// One step: lengths grow by a factor, and by so many bytes before that.
#[derive(Clone, Copy, Debug)]
struct Step {
    factor: usize,
    more: usize,
}

/// The steps of a tokenizer.
#[derive(Clone, Debug)]
pub(super) struct Growth {
    bytes: Vec<Step>,
    tokens: Vec<Step>,
}

impl Growth {
    /// The steps of a tokenizer's file.
    ///
    /// # Errors
    /// A step of a kind that is not known, a pattern or word that is too long, or tokens of the file's own that would be.
    pub(super) fn of(file: &Value) -> Result<Self, String> {
        let (mut bytes, mut tokens) = (Vec::new(), Vec::new());
        collect(&file["normalizer"], "normalizers", &mut bytes, &normaliser)?;
        let own = file["added_tokens"].as_array().map_or(&[][..], Vec::as_slice);
        let own = own.iter().filter_map(|token| token["content"].as_str()).map(str::len).sum();
        // The file's own tokens are normalised as texts are.
        grown(&bytes, own)?;
        collect(&file["pre_tokenizer"], "pretokenizers", &mut bytes, &cutter)?;
        collect(&file["post_processor"], "processors", &mut tokens, &frame)?;
        check_patterns(&file["normalizer"])?;
        check_patterns(&file["pre_tokenizer"])?;
        let words = file["model"].as_object().into_iter().flat_map(Map::values).filter_map(Value::as_str);
        words.map(str::len).try_for_each(check_word)?;
        Ok(Self { bytes, tokens })
    }

    /// Refuses a text of so many bytes that could become too long.
    pub(super) fn check(&self, text: usize) -> Result<(), String> {
        grown(&self.tokens, grown(&self.bytes, text)?).map(|_| ())
    }
}

/// What steps can make of a length.
fn grown(steps: &[Step], length: usize) -> Result<usize, String> {
    steps.iter().try_fold(length, |length, step| {
        let longer = length.saturating_add(step.more).saturating_mul(step.factor);
        let fits = longer <= MOST;
        fits.then_some(longer)
            .ok_or_else(|| format!("its steps could make more than {MOST} bytes or tokens of a text"))
    })
}

type Rule<'a> = dyn Fn(&str, &Map<String, Value>) -> Result<Option<Step>, String> + 'a;

/// Every step of a part of the file, in order.
fn collect(part: &Value, several: &str, steps: &mut Vec<Step>, rule: &Rule<'_>) -> Result<(), String> {
    let Some(fields) = part.as_object() else {
        return if part.is_null() { Ok(()) } else { Err("one of its steps is no object".into()) };
    };
    let kind = fields.get("type").and_then(Value::as_str).unwrap_or_default();
    let strange = LENGTHENING.iter().find(|(field, own)| fields.contains_key(*field) && kind != *own);
    if let Some((field, _)) = strange {
        return Err(format!("its step {kind:?} has a field {field:?}, whose growth is not known"));
    }
    if kind == "Sequence" {
        let all = fields.get(several).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        return all.iter().try_for_each(|one| collect(one, several, steps, rule));
    }
    let step = rule(kind, fields)?.ok_or_else(|| format!("its step {kind:?} is of no kind that is taken"))?;
    steps.push(step);
    Ok(())
}

fn normaliser(kind: &str, fields: &Map<String, Value>) -> Result<Option<Step>, String> {
    let length = |field: &str| fields.get(field).and_then(Value::as_str).map_or(0, str::len);
    Ok(match kind {
        // As often as there are bytes, and once more.
        "Replace" => Some(Step { factor: length("content").saturating_add(1), more: 1 }),
        "Prepend" => Some(Step { factor: 1, more: length("prepend") }),
        _ => factor(&NORMALISERS, kind),
    })
}

fn cutter(kind: &str, _: &Map<String, Value>) -> Result<Option<Step>, String> {
    Ok(factor(&CUTTERS, kind))
}

/// A template repeats the text as often as it names it, and has tokens of its own.
fn frame(kind: &str, fields: &Map<String, Value>) -> Result<Option<Step>, String> {
    if kind != "TemplateProcessing" {
        return Ok(FRAMES.contains(&kind).then_some(Step { factor: 1, more: 2 }));
    }
    let pieces = ["single", "pair"].map(|field| fields.get(field).and_then(Value::as_array).map_or(0, Vec::len));
    let special = fields.get("special_tokens").and_then(Value::as_object).into_iter().flat_map(Map::values);
    let ids = special.filter_map(|token| token["ids"].as_array()).map(Vec::len).sum();
    Ok(Some(Step { factor: pieces[0].saturating_add(pieces[1]).max(1), more: ids }))
}

fn factor(known: &[(&str, usize)], kind: &str) -> Option<Step> {
    known.iter().find(|(name, _)| *name == kind).map(|(_, factor)| Step { factor: *factor, more: 1 })
}

/// Patterns are short, and their counted repetitions few: a repetition is as many copies of what it repeats.
fn check_patterns(part: &Value) -> Result<(), String> {
    match part {
        Value::Array(parts) => parts.iter().try_for_each(check_patterns),
        Value::Object(fields) => fields.iter().try_for_each(|(name, value)| match value.as_str() {
            Some(pattern) if name == "Regex" => {
                check_word(pattern.len())?;
                let few = repeats(pattern) <= MOST_REPEATS;
                few.then_some(()).ok_or_else(|| "a pattern of it repeats too much".to_owned())
            }
            _ => check_patterns(value),
        }),
        _ => Ok(()),
    }
}

/// The product of all counts in braces.
fn repeats(pattern: &str) -> usize {
    let counts = pattern.split('{').skip(1).map(|rest| {
        let braced = rest.split('}').next().unwrap_or_default();
        let numbers = braced.split(',').filter(|number| !number.is_empty());
        let numbers = numbers.map(|number| number.trim().parse::<usize>().ok());
        numbers.collect::<Option<Vec<usize>>>().and_then(|numbers| numbers.into_iter().max()).unwrap_or(1)
    });
    counts.fold(1, |all, count| all.saturating_mul(count.max(1)))
}

fn check_word(length: usize) -> Result<(), String> {
    let short = length <= MOST_WORD;
    short.then_some(()).ok_or_else(|| format!("a pattern or word of it has {length} bytes, above {MOST_WORD}"))
}
