//! Who is begun, and when no further guest is.

use super::Stepped;
use super::eval::{Scope, about};
use super::event::{Answer, Effect, EffectId, Ending, Event, Note, NoteKind};
use super::state::{Awaiting, Fiber, Frame, PlanRun, State, Tally, failed};
use crate::code::{Effect as Kind, Instruction, Lenient, Value};

/// Whether a guest can be begun now.
enum Turn {
    Now,
    Later,
    Never(String),
}

impl State {
    /// Takes an event and answers what is to be done and said.
    pub fn step(&mut self, event: Event) -> Stepped {
        let mut out = Stepped::default();
        match event {
            Event::Begin { windows } => {
                self.windows = windows;
                self.begin_plan(self.code.entry, None, Vec::new(), &mut out);
            }
            Event::Result { id, at, answer: Answer::EndedLate(result) } => {
                self.now = self.now.max(at);
                self.ended_late(id, result, &mut out);
            }
            Event::Result { id, at, answer } => {
                self.now = self.now.max(at);
                self.releasing.remove(&id);
                if let Some(fiber) = self.waiting.remove(&id) {
                    self.take_answer(fiber, answer, &mut out);
                }
            }
            Event::Resolved { at, plan, guest, done } => {
                self.now = self.now.max(at);
                self.resolved(&plan, &guest, done, &mut out);
            }
            Event::Interrupt { at } => {
                self.now = self.now.max(at);
                self.interrupts += 1;
                self.interrupt_all(&mut out);
            }
        }
        self.go_on(&mut out);
        out
    }

    fn take_answer(&mut self, i: usize, answer: Answer, out: &mut Stepped) {
        self.answered(i, answer, out);
        if std::mem::take(&mut self.fibers[i].interrupted) && self.fibers[i].ended.is_none() {
            if self.interrupts > 1 {
                self.await_nothing(i);
                self.stop_now(i, out);
            } else {
                self.interrupt(i, out);
            }
        }
        self.advance(i, out);
    }

    /// What a fiber has asked for is not waited for any more: its answer would be taken for another's.
    pub(super) fn await_nothing(&mut self, i: usize) {
        self.waiting.retain(|_, fiber| *fiber != i);
        if let Some(Awaiting::Watched(watch)) = self.fibers[i].awaiting.take() {
            self.perhaps_watched(i, watch);
        }
    }

    /// The first time nothing new is begun, and what is under way goes to its `finally`; the second time it stops
    /// where it is. A command that changes something is waited for both times when it is about power, else the first.
    fn interrupt_all(&mut self, out: &mut Stepped) {
        self.places_changed = true;
        for i in 0..self.fibers.len() {
            let fiber = &self.fibers[i];
            if !fiber.begun || fiber.ended.is_some() || fiber.awaiting == Some(Awaiting::Plan) {
                continue;
            }
            match self.changing(i) {
                Some(kind) if self.interrupts == 1 || kind.is_power() => self.fibers[i].interrupted = true,
                _ if self.interrupts == 1 => {
                    self.interrupt(i, out);
                    self.advance(i, out);
                }
                _ => {
                    self.await_nothing(i);
                    self.stop_now(i, out);
                }
            }
        }
    }

    fn stop_now(&mut self, i: usize, out: &mut Stepped) {
        let mut stopped = failed("interrupted", "the run was stopped".to_string(), &self.fibers[i].host.clone());
        stopped.step = self.step_text(i);
        self.finish(i, Ending::Interrupted(stopped), out);
    }

    /// The effect of the changing command that a fiber waits for.
    fn changing(&self, i: usize) -> Option<Kind> {
        let fiber = &self.fibers[i];
        let Some(Awaiting::Output { .. } | Awaiting::Seen(_) | Awaiting::Listed(_)) = &fiber.awaiting else {
            return None;
        };
        let frame = fiber.frames.last()?;
        match self.code.procs[frame.proc].instructions.get(frame.pc.checked_sub(1)?)? {
            Instruction::Run(command, _) if command.effect != Kind::Read => Some(command.effect),
            _ => None,
        }
    }

    /// A plan begins, for its targets or, without `for`, for itself.
    pub(super) fn begin_plan(&mut self, plan: usize, parent: Option<usize>, args: Vec<Value>, out: &mut Stepped) {
        let code = self.code.clone();
        let header = &code.plans[plan];
        self.places_changed = true;
        let run = self.runs.len();
        let first = self.fibers.len();
        let before = self.runs.iter().filter(|run| self.code.plans[run.plan].name == header.name).count();
        let name = if before == 0 { header.name.clone() } else { format!("{} ({})", header.name, before + 1) };
        let own = [name.clone()];
        let hosts: &[String] = if header.is_site { &own } else { &header.targets };
        self.fibers.extend(hosts.iter().map(|host| Fiber { run, host: host.clone(), ..Fiber::default() }));
        let end = self.fibers.len();
        let tally = Tally { waiting_from: first, ..Tally::default() };
        self.runs.push(PlanRun {
            plan,
            name: name.clone(),
            first,
            end,
            parent,
            args,
            stopped: None,
            over: false,
            tally,
        });
        out.notes.push(Note {
            at: self.now,
            plan: name.clone(),
            guest: name,
            kind: NoteKind::PlanBegan(if header.is_site { Vec::new() } else { header.targets.clone() }),
        });
    }

    /// Begins whoever can be begun, and ends the plans that are over.
    fn go_on(&mut self, out: &mut Stepped) {
        // With thousands of targets this is not for each of their answers.
        while std::mem::take(&mut self.places_changed) {
            let mut changed = false;
            for run in 0..self.runs.len() {
                if self.runs[run].over {
                    continue;
                }
                changed |= self.begin_next(run, out);
                let PlanRun { first, end, ref tally, .. } = self.runs[run];
                debug_assert_eq!(*tally, self.counted(run));
                if tally.ended == end - first {
                    self.runs[run].over = true;
                    changed = true;
                    self.end_plan(run, out);
                }
            }
            self.places_changed |= changed;
        }
    }

    fn end_plan(&mut self, run: usize, out: &mut Stepped) {
        let PlanRun { plan, first, end, parent, .. } = self.runs[run].clone();
        let Some(parent) = parent else { return };
        self.fibers[parent].awaiting = None;
        if (first..end).any(|i| self.fibers[i].parked.is_some()) {
            self.park(parent, None);
        }
        let bad =
            (first..end).filter(|i| self.fibers[*i].ended.as_ref().is_some_and(|ending| !ending.is_good())).count();
        if self.interrupts > 0 {
            self.interrupt(parent, out);
        } else if bad > 0 {
            let name = self.code.plans[plan].name.clone();
            let message = format!("`{name}`: {bad} of {} did not end well", end - first);
            self.fail(parent, failed("failed", message, &name), out);
        }
        self.advance(parent, out);
    }

    /// Whether anything was begun, or given up.
    fn begin_next(&mut self, run: usize, out: &mut Stepped) -> bool {
        let mut any = false;
        loop {
            let PlanRun { plan, first, end, .. } = self.runs[run];
            if self.interrupts > 0 {
                self.runs[run].stopped.get_or_insert_with(|| "the run was interrupted".to_string());
            }
            let bad = self.runs[run].tally.bad;
            let most_bad = self.code.plans[plan].schedule.stop_after.of(end - first);
            if bad >= most_bad && self.runs[run].stopped.is_none() {
                let plural = if bad == 1 { "target" } else { "targets" };
                self.runs[run].stopped = Some(format!("stopped after {bad} {plural} did not end well"));
            }
            if let Some(why) = self.runs[run].stopped.clone() {
                for i in self.waiting(run).collect::<Vec<_>>() {
                    self.give_up(i, why.clone(), out);
                    any = true;
                }
                return any;
            }
            let mut begun = false;
            let batch = self.batch(run);
            let mut i = batch.start.max(self.runs[run].tally.waiting_from);
            while i < batch.end && !self.is_full(run) && self.runs[run].tally.bad < most_bad {
                if !self.fibers[i].begun {
                    match self.turn(run, i) {
                        Turn::Now => {
                            self.begin(i, out);
                            self.advance(i, out);
                            begun = true;
                        }
                        Turn::Later => {}
                        Turn::Never(why) => {
                            self.give_up(i, why, out);
                            begun = true;
                        }
                    }
                }
                i += 1;
            }
            any |= begun;
            if begun {
                continue;
            }
            let first_waiting = self.waiting(run).find(|i| batch.contains(i));
            match first_waiting {
                // Nobody is under way and nobody can be begun: a place is kept by a guest that did not end well.
                Some(i) if self.runs[run].tally.under_way == 0 => {
                    let why = "its place is kept by a guest that did not end well".to_string();
                    self.give_up(i, why, out);
                    any = true;
                }
                _ => return any,
            }
        }
    }

    /// The fibers of a plan that wait to be begun.
    fn waiting(&self, run: usize) -> impl Iterator<Item = usize> + '_ {
        let PlanRun { end, ref tally, .. } = self.runs[run];
        (tally.waiting_from..end).filter(|i| !self.fibers[*i].begun)
    }

    /// Whether as many are under way as may be at once.
    fn is_full(&self, run: usize) -> bool {
        let PlanRun { plan, first, end, ref tally, .. } = self.runs[run];
        let schedule = &self.code.plans[plan].schedule;
        let limit = schedule.batches.first().map_or(1, |share| share.of(end - first));
        !schedule.whole_batches && tally.under_way >= limit
    }

    /// A plan's fibers, counted one by one.
    pub(super) fn counted(&self, run: usize) -> Tally {
        let PlanRun { first, end, .. } = self.runs[run];
        let mut tally = Tally::default();
        for i in first..end {
            let under_way = self.fibers[i].begun && self.fibers[i].ended.is_none();
            let bad = self.ended_badly(i);
            tally.under_way += usize::from(under_way);
            tally.ended += usize::from(self.fibers[i].ended.is_some());
            tally.bad += usize::from(bad);
            if under_way || bad {
                self.place_of(i).into_iter().for_each(|place| *tally.places.entry(place).or_default() += 1);
            }
        }
        tally.waiting_from = (first..end).find(|i| !self.fibers[*i].begun).unwrap_or(end);
        tally
    }

    /// The hypervisor of a fiber's host, where the plan counts by hypervisors.
    fn place_of(&self, i: usize) -> Option<String> {
        let plan = self.runs[self.fibers[i].run].plan;
        self.code.plans[plan].schedule.per_hypervisor?;
        self.code.hosts.get(&self.fibers[i].host)?.hypervisor.clone()
    }

    /// A fiber is begun, or given up.
    fn is_begun(&mut self, i: usize) {
        self.fibers[i].begun = true;
        let run = self.fibers[i].run;
        let PlanRun { end, ref mut tally, .. } = self.runs[run];
        while tally.waiting_from < end && self.fibers[tally.waiting_from].begun {
            tally.waiting_from += 1;
        }
    }

    /// Whoever was not begun is as it was.
    fn ended_badly(&self, i: usize) -> bool {
        let bad = |ending: &Ending| !ending.is_good() && !matches!(ending, Ending::NotBegun(_));
        self.fibers[i].ended.as_ref().is_some_and(bad)
    }

    fn give_up(&mut self, i: usize, why: String, out: &mut Stepped) {
        self.is_begun(i);
        self.finish(i, Ending::NotBegun(why), out);
    }

    /// The fibers that may be begun as far as batches go.
    fn batch(&self, run: usize) -> std::ops::Range<usize> {
        let PlanRun { plan, first, end, .. } = self.runs[run];
        let schedule = &self.code.plans[plan].schedule;
        if !schedule.whole_batches {
            return first..end;
        }
        let mut from = first;
        let mut sizes = schedule.batches.iter();
        let mut size = 1;
        while from < end {
            size = sizes.next().map_or(size, |share| share.of(end - first));
            let to = (from + size).min(end);
            if (from..to).any(|i| self.fibers[i].ended.is_none()) {
                return from..to;
            }
            from = to;
        }
        end..end
    }

    fn turn(&self, run: usize, i: usize) -> Turn {
        let PlanRun { plan, first, end, .. } = self.runs[run];
        let header = &self.code.plans[plan];
        let schedule = &header.schedule;
        let under_way = |i: &usize| self.fibers[*i].begun && self.fibers[*i].ended.is_none();
        // A guest that did not end well keeps its place: what was not to be down together is not made so.
        if let (Some(limit), Some(place)) = (schedule.per_hypervisor, self.place_of(i))
            && self.runs[run].tally.places.get(&place).is_some_and(|taken| *taken >= limit)
        {
            return Turn::Later;
        }
        for partner in self.partners(i, &self.fibers[i].host) {
            let Some(other) = (first..end).find(|other| self.fibers[*other].host == partner) else { continue };
            if self.ended_badly(other) {
                return Turn::Never(format!("partner not healthy: `{partner}` did not end well"));
            }
            if under_way(&other) {
                return Turn::Later;
            }
        }
        self.in_window(plan, i - first)
    }

    fn in_window(&self, plan: usize, target: usize) -> Turn {
        let header = &self.code.plans[plan];
        let (Some(window), Some(open)) = (&header.schedule.window, self.windows.get(plan)) else { return Turn::Now };
        let now = self.now as i64;
        let Some((_, closes)) = open.iter().find(|(opens, closes)| (*opens..*closes).contains(&now)) else {
            let next = open.iter().map(|(opens, _)| *opens).find(|opens| *opens > now);
            let next = next.map_or(String::new(), |opens| format!("; it opens in {}", about((opens - now) as u64)));
            return Turn::Never(format!("window: it is outside \"{}\"{next}", window.text));
        };
        let longest = header.longest.get(target).copied().unwrap_or(0);
        let left = (closes - now) as u64;
        if longest > left {
            return Turn::Never(format!(
                "window: it can take {}, and the window closes in {}",
                about(longest),
                about(left)
            ));
        }
        Turn::Now
    }

    fn begin(&mut self, i: usize, out: &mut Stepped) {
        let code = self.code.clone();
        let run = self.runs[self.fibers[i].run].clone();
        let header = &code.plans[run.plan];
        let body = &code.procs[header.body];
        let mut slots = vec![Value::None; body.slots];
        for (slot, initial) in slots.iter_mut().zip(&body.initial) {
            let scope = Scope { code: &code, slots: &[] };
            *slot = initial.as_ref().and_then(|expr| scope.eval(expr).ok()).unwrap_or(Value::None);
        }
        let first_param = usize::from(!header.is_site);
        for (slot, value) in slots.iter_mut().skip(first_param).zip(run.args) {
            *slot = value;
        }
        if !header.is_site
            && let Some(first) = slots.first_mut()
        {
            *first = Value::Host(self.fibers[i].host.clone());
        }
        let now = self.now;
        self.is_begun(i);
        let place = self.place_of(i);
        let tally = &mut self.runs[self.fibers[i].run].tally;
        tally.under_way += 1;
        self.fibers[i].has_place = true;
        place.into_iter().for_each(|place| *tally.places.entry(place).or_default() += 1);
        let fiber: &mut Fiber = &mut self.fibers[i];
        fiber.deadline = header.schedule.deadline.map(|ms| now.saturating_add(ms));
        fiber.frames = vec![Frame {
            proc: header.body,
            pc: 0,
            slots,
            result: None,
            lenient: Lenient::No,
            waits: 0,
            value: Value::None,
        }];
        if header.is_site {
            return;
        }
        self.note(i, NoteKind::Began, out);
        let host = self.fibers[i].host.clone();
        let mut others = self.partners(i, &host);
        if let Some(partner) = others.pop() {
            let awaiting = Awaiting::Partner { partner: partner.clone(), others, begun: false };
            self.ask(i, Effect::Reach { host: partner }, awaiting, out);
        }
    }

    /// The guest's way is at its end.
    pub(super) fn finish(&mut self, i: usize, ending: Ending, out: &mut Stepped) {
        let fiber = &mut self.fibers[i];
        fiber.frames.clear();
        fiber.handlers.clear();
        fiber.pendings.clear();
        fiber.waits.clear();
        if ending.is_good() {
            fiber.parked = None;
        }
        fiber.ended = Some(ending.clone());
        self.places_changed = true;
        let place = self.place_of(i);
        let tally = &mut self.runs[self.fibers[i].run].tally;
        tally.ended += 1;
        if std::mem::take(&mut self.fibers[i].has_place) {
            let bad = !ending.is_good() && !matches!(ending, Ending::NotBegun(_));
            tally.under_way -= 1;
            tally.bad += usize::from(bad);
            // One that did not end well keeps its place.
            if let Some(place) = place.filter(|_| !bad)
                && let Some(taken) = tally.places.get_mut(&place)
            {
                *taken -= 1;
                if *taken == 0 {
                    tally.places.remove(&place);
                }
            }
        }
        self.say_watched(i, &ending, out);
        self.release(i, &ending, out);
        self.note(i, NoteKind::Finished(ending), out);
    }

    /// Asks the world for something; the fiber waits for the answer.
    pub(super) fn ask(&mut self, i: usize, effect: Effect, awaiting: Awaiting, out: &mut Stepped) {
        let id = self.next_id();
        self.waiting.insert(id, i);
        self.fibers[i].awaiting = Some(awaiting);
        self.fibers[i].effect = Some(id);
        out.effects.push((id, effect));
    }

    /// Tells the world something that gives no answer.
    pub(super) fn tell(&mut self, effect: Effect, out: &mut Stepped) {
        let id = self.next_id();
        out.effects.push((id, effect));
    }

    pub(super) fn next_id(&mut self) -> EffectId {
        let id = EffectId(self.next_effect);
        self.next_effect += 1;
        id
    }

    pub(super) fn note(&self, i: usize, kind: NoteKind, out: &mut Stepped) {
        let fiber = &self.fibers[i];
        let plan = self.runs.get(fiber.run).map_or_else(String::new, |run| run.name.clone());
        out.notes.push(Note { at: self.now, plan, guest: fiber.host.clone(), kind });
    }
}
