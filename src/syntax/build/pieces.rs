//! A long text is read in pieces, by as many threads as there are processors.
//!
//! A piece begins with a declaration of the top level that has an empty line before it, so what stands in it is the
//! same read alone. Where anything is wrong with the text it is read again as a whole, and reported as that.

use std::thread;

use super::Builder;
use crate::diag::Problems;
use crate::syntax::scan::Scan;
use crate::syntax::tree::File;

/// The smallest piece for which a thread is worth its while, in bytes.
const SMALLEST: usize = 8 * 1024;
/// Enough for the deepest nesting, in a build without optimisation too.
const STACK: usize = 16 * 1024 * 1024;

/// The tree, if the text is long and nothing is wrong with it.
pub(super) fn file(base: u32, scan: &Scan<'_>) -> Option<File> {
    let most = scan.text.len() / SMALLEST;
    if most < 2 || !scan.problems.is_empty() {
        return None;
    }
    let threads = thread::available_parallelism().map_or(1, usize::from).min(most);
    let pieces = cut(&scan.text, &scan.items, threads);
    let trees: Vec<Option<File>> = thread::scope(|scope| {
        let read = |from: usize, to: usize| move || piece(base, scan, from, to);
        let mut others = Vec::new();
        for [from, to] in &pieces[1..] {
            others.push(thread::Builder::new().stack_size(STACK).spawn_scoped(scope, read(*from, *to)));
        }
        let mut trees = vec![read(pieces[0][0], pieces[0][1])()];
        trees.extend(others.into_iter().map(|other| other.ok()?.join().ok()?));
        trees
    });
    let mut file = File::default();
    for tree in trees {
        let tree = tree?;
        file.edition = file.edition.or(tree.edition);
        file.items.extend(tree.items);
    }
    let mut problems = Problems::new();
    Builder::new(&scan.text, base, &scan.comments, &[], &mut problems).mixed_script(&file);
    problems.is_empty().then_some(file)
}

/// Where pieces of about the same length begin and end.
fn cut(text: &str, items: &[usize], pieces: usize) -> Vec<[usize; 2]> {
    let mut cuts = vec![0];
    for piece in 1..pieces {
        let wanted = text.len() / pieces * piece;
        let after = items.partition_point(|item| *item < wanted);
        cuts.extend(items[after..].iter().find_map(|item| beginning(text, *item)).filter(|at| !cuts.contains(at)));
    }
    cuts.push(text.len());
    cuts.windows(2).map(|ends| [ends[0], ends[1]]).collect()
}

/// Where a declaration begins, with the comments above it, if an empty line stands before that.
fn beginning(text: &str, item: usize) -> Option<usize> {
    let line_of = |at: usize| text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let mut start = line_of(item);
    loop {
        let above = line_of(start.checked_sub(1)?);
        match text[above..start].trim() {
            "" => return Some(start),
            line if line.starts_with('#') => start = above,
            _ => return None,
        }
    }
}

fn piece(base: u32, scan: &Scan<'_>, from: usize, to: usize) -> Option<File> {
    let place = |at: usize| base.saturating_add(u32::try_from(at).unwrap_or(u32::MAX));
    let before = |at: usize| scan.comments.partition_point(|comment| comment.span.start < place(at));
    let mut problems = Problems::new();
    let comments = &scan.comments[before(from)..before(to)];
    let file = super::whole(&scan.text[from..to], place(from), comments, &[], &mut problems);
    problems.is_empty().then_some(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stdlib;
    use crate::syntax::scan::scan;

    /// Every module of the standard library, again and again from another one on.
    fn long(first: usize) -> String {
        let modules = stdlib::MODULES.iter().cycle().skip(first).take(stdlib::MODULES.len());
        let texts = modules.map(|(_, text)| text.replace("edition 2026\n", ""));
        format!("edition 2026\n\n{}", texts.collect::<Vec<_>>().join("\n"))
    }

    fn as_a_whole(text: &str) -> (File, Vec<String>) {
        let mut problems = Problems::new();
        let scan = scan(text, 7);
        let file = super::super::whole(&scan.text, 7, &scan.comments, &scan.problems, &mut problems);
        (file, problems.iter().map(|problem| problem.message.clone()).collect())
    }

    #[test]
    fn in_pieces_it_is_the_same() {
        for first in 0..stdlib::MODULES.len() {
            let text = long(first);
            let (whole, problems) = as_a_whole(&text);
            assert_eq!(problems, [""; 0]);
            let scan = scan(&text, 7);
            for pieces in 2..9 {
                let cuts = cut(&text, &scan.items, pieces);
                assert_eq!(cuts.len(), pieces, "{cuts:?}");
                let trees = cuts.iter().map(|[from, to]| piece(7, &scan, *from, *to).unwrap());
                let items: Vec<_> = trees.flat_map(|tree| tree.items).collect();
                assert!(items == whole.items, "from {first}, in {pieces} pieces");
            }
        }
    }

    #[test]
    fn what_is_wrong_is_reported_as_for_the_whole() {
        let text = long(0);
        let at = text.len() / 2;
        let line = at + text[at..].find("\n\n").unwrap();
        for slip in ["\n\ntask () {\n}\n", "\n\non pve: true\n\nplan p for guest in all { }\n", "\n\nedition 2026\n"] {
            let text = format!("{}{slip}{}", &text[..line], &text[line..]);
            let (whole, messages) = as_a_whole(&text);
            assert!(!messages.is_empty(), "{slip}");
            let mut problems = Problems::new();
            let file = super::super::file(7, &scan(&text, 7), &mut problems);
            assert!(file == whole, "{slip}");
            assert_eq!(problems.iter().map(|problem| problem.message.clone()).collect::<Vec<_>>(), messages);
        }
    }
}
