//! What a source file declares, imports and names: read from its tokens, so that macros' arguments count. Tests are left out.

use std::collections::BTreeSet;
use std::iter::Peekable;

use proc_macro2::{Delimiter, TokenStream, TokenTree, token_stream};

/// What one file says of others.
#[derive(Debug, Default)]
pub struct Module {
    /// Modules that it declares.
    pub declared: BTreeSet<String>,
    /// Modules of tests that are files of their own.
    pub tests: BTreeSet<String>,
    /// Names that `use` brings into it.
    pub imports: Vec<Import>,
    /// Every path of two or more names in it, and every imported one.
    pub paths: Vec<Vec<String>>,
}

/// A name, and the path that it stands for.
#[derive(Debug)]
pub struct Import {
    pub name: String,
    pub path: Vec<String>,
}

type Tokens = Peekable<token_stream::IntoIter>;

/// Reads a file's tokens.
pub fn read(tokens: TokenStream) -> Module {
    let mut module = Module::default();
    module.read(tokens);
    module
}

impl Module {
    fn read(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    let attribute = attribute(&mut tokens);
                    if attribute.contains("cfg (test)") {
                        self.tests.extend(skip_item(&mut tokens));
                    }
                }
                TokenTree::Ident(word) if word == "use" => self.import(&mut tokens, &[]),
                TokenTree::Ident(word) if word == "mod" => {
                    let name = ident(&mut tokens);
                    if matches!(tokens.peek(), Some(TokenTree::Punct(punct)) if punct.as_char() == ';') {
                        self.declared.extend(name);
                    }
                }
                TokenTree::Ident(word) => self.path(&mut tokens, word.to_string()),
                TokenTree::Group(group) => self.read(group.stream()),
                _ => {}
            }
        }
    }

    /// A tree of imports, up to its semicolon, comma or end.
    fn import(&mut self, tokens: &mut Tokens, prefix: &[String]) {
        let mut path = prefix.to_vec();
        let mut alias = None;
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(word) if word == "as" => alias = ident(tokens),
                TokenTree::Ident(word) => path.push(word.to_string()),
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                    let mut inner = group.stream().into_iter().peekable();
                    while inner.peek().is_some() {
                        self.import(&mut inner, &path);
                    }
                    path.clear();
                }
                TokenTree::Punct(punct) if [';', ','].contains(&punct.as_char()) => break,
                // A glob imports the module that it is in.
                _ => {}
            }
        }
        if path.len() > prefix.len() {
            if path.last().is_some_and(|last| last == "self") {
                path.pop();
            }
            let name = alias.or_else(|| path.last().cloned());
            self.imports.extend(name.map(|name| Import { name, path: path.clone() }));
            self.paths.push(path);
        }
    }

    /// A path that starts with a word; one word alone is none.
    fn path(&mut self, tokens: &mut Tokens, first: String) {
        let mut path = vec![first];
        while take_separator(tokens) {
            match ident(tokens) {
                Some(name) => path.push(name),
                None => break,
            }
        }
        if path.len() > 1 {
            self.paths.push(path);
        }
    }
}

fn attribute(tokens: &mut Tokens) -> String {
    if matches!(tokens.peek(), Some(TokenTree::Punct(punct)) if punct.as_char() == '!') {
        tokens.next();
    }
    match tokens.next() {
        Some(TokenTree::Group(group)) => group.stream().to_string(),
        _ => String::new(),
    }
}

/// Skips what a `cfg(test)` stands before: up to its braces or its semicolon. The name of a module that is a file of its own.
fn skip_item(tokens: &mut Tokens) -> Option<String> {
    let (mut is_module, mut name) = (false, None);
    for token in tokens.by_ref() {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => return None,
            TokenTree::Punct(punct) if punct.as_char() == ';' => return name.filter(|_| is_module),
            TokenTree::Ident(word) if word == "mod" => is_module = true,
            TokenTree::Ident(word) => name = Some(word.to_string()),
            _ => {}
        }
    }
    None
}

fn ident(tokens: &mut Tokens) -> Option<String> {
    match tokens.peek() {
        Some(TokenTree::Ident(word)) => {
            let word = word.to_string();
            tokens.next();
            Some(word)
        }
        _ => None,
    }
}

/// Two colons.
fn take_separator(tokens: &mut Tokens) -> bool {
    let colon =
        |token: Option<&TokenTree>| matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
    let mut ahead = tokens.clone();
    let both = colon(ahead.next().as_ref()) && colon(ahead.next().as_ref());
    if both {
        tokens.next();
        tokens.next();
    }
    both
}
