//! The choices of one way, and the way after it: a run is deterministic, so its choices are all there is to it.

/// What the world decides on one way, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Choices {
    given: Vec<usize>,
    made: Vec<Made>,
    /// How many more things may go other than well on this way.
    mishaps_left: usize,
    /// How many did.
    pub(crate) mishaps: usize,
}

#[derive(Clone, Copy, Debug)]
struct Made {
    chosen: usize,
    options: usize,
}

impl Choices {
    /// The first way: all is well.
    pub(crate) fn well(mishaps: usize) -> Choices {
        Choices { mishaps_left: mishaps, ..Choices::default() }
    }

    /// Of things that can happen, where the first is that all is well, and each other is a mishap.
    pub(crate) fn mishap<T: Copy>(&mut self, options: &[T]) -> T {
        if self.mishaps_left == 0 {
            return options[0];
        }
        let chosen = self.choose(options.len());
        if chosen > 0 {
            self.mishaps_left -= 1;
            self.mishaps += 1;
        }
        options[chosen]
    }

    /// Of things that are equally well.
    pub(crate) fn either<T: Copy>(&mut self, options: &[T]) -> T {
        options[self.choose(options.len())]
    }

    fn choose(&mut self, options: usize) -> usize {
        let chosen = self.given.get(self.made.len()).copied().unwrap_or(0);
        self.made.push(Made { chosen, options });
        chosen
    }

    /// The choices of the next way, depth first; `None` after the last.
    pub(crate) fn next(mut self, mishaps: usize) -> Option<Choices> {
        while let Some(Made { chosen, options }) = self.made.pop() {
            if chosen + 1 < options {
                let mut given: Vec<usize> = self.made.iter().map(|made| made.chosen).collect();
                given.push(chosen + 1);
                return Some(Choices { given, ..Choices::well(mishaps) });
            }
        }
        None
    }
}
