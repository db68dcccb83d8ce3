"""The page in a real browser: it plays, turns, chooses and answers, and asks nobody."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from functools import cache

import numpy as np
import pytest

import meanfield as mf
from chromium import launched
from meanfield.activations import activations, linear_spline
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.page.document import in_script, page, write_page
from meanfield.page.neurons import activation_table
from meanfield.page.server import server
from meanfield.page.story import story
from pictured_runs import (
    euler,
    in_many_dimensions,
    of_one_parameter,
    on_a_grid,
    on_the_line,
    on_the_plane,
    shorten,
)

NASTY = "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=1>"
DESKTOP, PHONE = {"width": 920, "height": 640}, {"width": 390, "height": 844}
line, plane, many = cache(on_the_line), cache(on_the_plane), cache(in_many_dimensions)


@pytest.fixture(scope="module")
def browser():
    for found in launched():
        window = found.new_page()
        yield window
        window.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    runs = {"line": line(), "plane": plane(), "many": many(), "both": [line(), shorten(line(), 4)]}
    return {name: write_page(run, folder / f"{name}.html") for name, run in runs.items()}


@contextmanager
def opened(browser, address, viewport=DESKTOP):
    """A page that fails its test for any error, and for any request beyond itself."""
    trouble, asked = [], []
    listeners = {
        "pageerror": lambda error: trouble.append(str(error)),
        "console": lambda message: trouble.extend([message.text] * (message.type == "error")),
        "request": lambda request: asked.append(request.url),
    }
    for event, listener in listeners.items():
        browser.on(event, listener)
    browser.set_viewport_size(viewport)
    try:
        browser.goto(str(address))
        browser.evaluate("meanfield.ready")
        draw(browser)
        yield browser
    finally:
        for event, listener in listeners.items():
            browser.remove_listener(event, listener)
    assert trouble == []
    if str(address).startswith("file:"):
        assert asked == [str(address)]


def draw(shown):
    """Draw at once, and let the page be as it is drawn."""
    shown.evaluate("meanfield.draw()")


def until(shown, condition):
    """Wait for a condition; the page's policy forbids the browser's own way to do so."""
    patience = time.monotonic() + 20.0
    while not shown.evaluate(condition):
        assert time.monotonic() < patience, condition
        time.sleep(0.02)


def time_of(shown):
    return shown.evaluate("meanfield.clock.time")


def spot(shown, number, view=0):
    """Where a neuron is drawn, in pixels of the window."""
    return shown.evaluate(
        """([number, view]) => {
            const { frame, overlay } = meanfield.views[view];
            const area = overlay.getBoundingClientRect();
            const [x, y] = frame.spot(number);
            return [area.left + x, area.top + y];
        }""",
        [number, view],
    )


PIXELS = """view => {
    meanfield.draw();   // what is drawn lasts until the browser shows it
    const { cloud, picture } = meanfield.views[view];
    const pixels = new Uint8Array(4 * picture.width * picture.height);
    const { gl } = cloud;
    gl.readPixels(0, 0, picture.width, picture.height, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
    let sum = 0;
    for (let i = 3; i < pixels.length; i += 4) if (pixels[i] > 100) sum += 1;
    return sum;
}"""

SHADE = """number => {
    meanfield.draw();
    const { cloud, frame, picture } = meanfield.views[0];
    const [x, y] = frame.spot(number);
    const pixel = new Uint8Array(4);
    const { gl } = cloud;
    gl.readPixels(Math.round(x), picture.height - Math.round(y), 1, 1, gl.RGBA, gl.UNSIGNED_BYTE,
        pixel);
    return [...pixel];
}"""


def test_it_plays_pauses_and_starts_again(browser, files):
    with opened(browser, files["line"].as_uri()) as shown:
        shown.click("#play")
        until(shown, "meanfield.clock.time > 0")
        assert shown.get_attribute("#play", "aria-label") == "pause"
        shown.click("#play")
        rest = time_of(shown)
        shown.wait_for_timeout(80)
        assert time_of(shown) == rest > 0.0
        shown.select_option("#speed", "8")
        shown.click("#play")
        until(shown, "meanfield.clock.place === 1 && !meanfield.clock.playing")
        assert shown.text_content("#time") == "t = 2.00"
        shown.click("#play")
        assert shown.evaluate("meanfield.clock.place < 0.9")


def test_scrubbing_moves_neurons_on_straight_lines(browser, files):
    with opened(browser, files["plane"].as_uri()) as shown:
        shown.select_option("#clock", "linear")
        shown.locator("#scrub").fill("0.53")
        draw(shown)
        assert time_of(shown) == pytest.approx(0.53 * 2.0)
        assert shown.get_attribute("#scrub", "aria-valuetext") == "t = 1.06"
        before, after = (plane().measures[frame].positions for frame in (5, 6))
        expected = 0.7 * before + 0.3 * after
        order = np.argsort(np.abs(plane().measures[-1].positions[:, 0]), kind="stable")
        for number in (0, 17, 39):
            theta = shown.evaluate(
                "number => meanfield.runs[0].neurons.theta(number, meanfield.clock.time)", number
            )
            np.testing.assert_allclose(theta, expected[order][number], atol=2e-4)
            shown.evaluate("number => meanfield.choose(meanfield.runs[0], number)", number)
            assert shown.evaluate(SHADE, number)[3] > 100  # something is drawn where it is


def test_a_clicked_neuron_shows_what_it_computes(browser, files):
    with opened(browser, files["line"].as_uri()) as shown:
        shown.keyboard.press("End")
        draw(shown)
        inside = [300.0 < spot(shown, number)[0] < 400.0 for number in range(40)]
        number = inside.index(True)
        shown.mouse.click(*spot(shown, number))
        chosen = shown.evaluate("meanfield.selected.number")
        draw(shown)
        assert spot(shown, chosen) == pytest.approx(spot(shown, number), abs=14.0)
        assert shown.text_content("#inspector h2") == f"neuron {chosen + 1} of 40"
        theta = shown.evaluate("n => meanfield.runs[0].neurons.theta(n, 2)", chosen)
        order = np.argsort(np.abs(line().measures[-1].positions[:, 0]), kind="stable")
        exact = line().measures[-1].positions[order][chosen]
        np.testing.assert_allclose(theta, exact, atol=2e-4)
        assert f"w = {exact[1]:.3g}".replace("-", "−") in shown.text_content(".facts")
        found = shown.evaluate(
            "n => [...meanfield.runs[0].neurons.single(n, 2, [[-0.7], [0.1], [0.9]])]", chosen
        )
        one = ParticleMeasure(exact[None])
        expected = line().problem.predict(one, [-0.7, 0.1, 0.9]).ravel()
        np.testing.assert_allclose(found, expected, atol=1e-3)
        shown.keyboard.press("Escape")
        assert shown.evaluate("meanfield.selected") is None


def test_a_brushed_region_shows_what_it_contributes(browser, files):
    with opened(browser, files["plane"].as_uri()) as shown:
        shown.click("text=brush")
        box = shown.locator(".overlay").bounding_box()
        left, top = box["x"] + box["width"] / 2, box["y"] + 4
        shown.mouse.move(left, top)
        shown.mouse.down()
        shown.mouse.move(left + 30, top + 30)
        shown.mouse.move(box["x"] + box["width"] - 2, box["y"] + box["height"] - 2)
        shown.mouse.up()
        numbers = shown.evaluate("meanfield.brushed.numbers")
        draw(shown)
        places = [spot(shown, number)[0] for number in range(40)]
        assert set(numbers) == {number for number, x in enumerate(places) if x >= left}
        assert 0 < len(numbers) < 40
        assert shown.text_content("#inspector h2").startswith(f"{len(numbers)} neurons, ")
        order = np.argsort(np.abs(plane().measures[-1].positions[:, 0]), kind="stable")
        part = plane().measures[0].positions[order][numbers]
        points = [[0.3, -0.4], [1.0, 1.0]]
        share = len(numbers) / 40
        expected = share * plane().problem.predict(ParticleMeasure(part), points).ravel()
        found = shown.evaluate(
            """points => [...meanfield.runs[0].neurons.contribution(
                meanfield.brushed.numbers, 0, points).sums]""",
            points,
        )
        np.testing.assert_allclose(found, expected, atol=1e-3)


def test_all_neurons_together_are_the_network(browser, files):
    with opened(browser, files["many"].as_uri()) as shown:
        whole, parts = shown.evaluate(
            """() => {
                const [run] = meanfield.runs;
                const all = Array.from({ length: run.shown }, (_, number) => number);
                meanfield.clock.time = 0; meanfield.draw();
                return [[...run.function.at(run.moment)],
                    [...run.neurons.contribution(all, 0, run.function.points).sums]];
            }"""
        )
        np.testing.assert_allclose(parts, whole, atol=2e-3)
        exact = many().problem.predict(many().measures[0], many().problem.data.inputs).ravel()
        np.testing.assert_allclose(whole, exact, atol=1e-3)


def uneven(neuron, loss, scale):
    """Two frames in which one neuron comes to hold most of the mass."""
    random = np.random.default_rng(3)
    inputs = random.standard_normal((12, neuron.inputs))
    targets = random.standard_normal((12, neuron.outputs))
    if loss != "squared":
        classes = np.arange(12) % max(neuron.outputs, 2)
        targets = classes if loss == "cross_entropy" else 2 * classes - 1
    problem = mf.Problem(neuron, mf.Dataset(inputs, targets), loss=loss, scale=scale)
    positions = random.standard_normal((60, neuron.dim))
    run = euler(problem, ParticleMeasure(positions), frames=2)
    masses = np.r_[2000.0, np.linspace(0.0, 2.0, 59)]
    run.measures[1] = ParticleMeasure(run.measures[1].positions, masses / masses.sum())
    return run


@pytest.mark.parametrize(
    ("neuron", "loss", "scale"),
    [
        (Neuron(1, activation="erf"), "squared", 3.0),
        (Neuron(1, activation="relu", outer="fixed", bias=False), "logistic", 0.5),
        (Neuron(2, 3, activation="sin", bias=False), "cross_entropy", 2.0),
        (Neuron(3, 2, activation="softplus"), "squared", 1.0),
    ],
    ids=lambda each: "" if isinstance(each, Neuron) else str(each),
)
def test_neurons_of_any_kind_and_mass_are_those_of_python(browser, tmp_path, neuron, loss, scale):
    run = uneven(neuron, loss, scale)
    address = write_page(run, tmp_path / "run.html").as_uri()
    order = np.argsort(np.abs(run.measures[1].positions[:, 0]), kind="stable")
    if neuron.outer_columns != 1:
        order = np.arange(60)
    points = np.random.default_rng(0).uniform(-1.0, 1.0, (5, neuron.inputs))
    part = [3, int(np.flatnonzero(order == 0)[0]), 20]  # the heavy one is among them
    with opened(browser, address) as shown:
        for time, measure in zip(run.times, run.measures, strict=True):
            sums, total, single = shown.evaluate(
                """([time, part, points]) => {
                    meanfield.clock.time = time; meanfield.draw();
                    const { neurons } = meanfield.runs[0];
                    const { sums, total } = neurons.contribution(part, time, points);
                    return [[...sums], total, [...neurons.single(3, time, points)]];
                }""",
                [float(time), part, points.tolist()],
            )
            rows = order[part]
            masses = measure.weights[rows]
            few = ParticleMeasure(measure.positions[rows], masses / masses.sum())
            expected = masses.sum() * run.problem.predict(few, points).ravel()
            # Diameters have 16 bits up to √60 of the mean: masses are off by 2√60/131070.
            assert total == pytest.approx(masses.sum(), rel=2e-4)
            np.testing.assert_allclose(sums, expected, atol=1e-3 * scale)
            one = ParticleMeasure(measure.positions[rows[:1]])
            alone = run.problem.predict(one, points).ravel() / scale
            np.testing.assert_allclose(single, alone, atol=1e-3)


def test_the_activation_of_the_page_is_that_of_python(browser, files):
    places = np.linspace(-3.0, 3.0, 61)
    known = [*activations.values(), linear_spline([-1.0, 0.5, 2.0], [0.0, 1.0, -1.0], 0.0, 0.5)]
    with opened(browser, files["line"].as_uri()) as shown:
        for activation in known:
            found = shown.evaluate(
                """async ([table, places]) => {
                    const activation = await meanfield.Activation.of(table);
                    return places.map((z) => activation.at(z));
                }""",
                [activation_table(activation, 3.0), list(places)],
            )
            np.testing.assert_allclose(found, activation(places), atol=1e-5)


def test_keys_play_step_and_choose(browser, files):
    with opened(browser, files["line"].as_uri()) as shown:
        press = shown.keyboard.press
        press("ArrowRight")
        press("ArrowRight")
        assert time_of(shown) == pytest.approx(line().times[2])
        press("ArrowLeft")
        assert time_of(shown) == pytest.approx(line().times[1])
        press("End")
        assert time_of(shown) == pytest.approx(line().times[-1])
        press("Home")
        assert time_of(shown) == 0.0
        press("+")
        press("+")
        press("-")
        assert shown.evaluate("meanfield.clock.speed") == 2
        press("ArrowDown")
        press("ArrowDown")
        assert shown.evaluate("meanfield.selected.number") == 1
        press("Space")
        assert shown.evaluate("meanfield.clock.playing") is True
        press("Space")
        assert shown.evaluate("meanfield.clock.playing") is False


def test_the_cloud_turns_in_space(browser, files):
    with opened(browser, files["plane"].as_uri()) as shown:
        flat = shown.evaluate(PIXELS, 0)
        shown.click("text=3-D")
        assert shown.evaluate(PIXELS, 0) > 0.3 * flat > 0
        before = spot(shown, 5)
        box = shown.locator(".overlay").bounding_box()
        middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        shown.mouse.move(*middle)
        shown.mouse.down()
        shown.mouse.move(middle[0] + 120, middle[1] + 30)
        shown.mouse.up()
        draw(shown)
        assert spot(shown, 5) != pytest.approx(before, abs=2.0)
        shown.mouse.wheel(0, -400)
        until(shown, "meanfield.views[0].camera.zoom > 1.5")


def test_runs_have_one_clock(browser, files):
    with opened(browser, files["both"].as_uri()) as shown:
        assert shown.locator(".cloud").count() == 2
        shown.keyboard.press("End")
        draw(shown)
        moments = shown.evaluate(
            "meanfield.runs.map((run) => [run.moment.after, run.moment.share])"
        )
        assert moments == [[10, 1], [3, 1]]  # the shorter run stands still at its end
        shown.keyboard.press("Home")
        draw(shown)
        first, second = (
            np.sort([spot(shown, number, view) for number in range(40)], axis=0) for view in (0, 1)
        )
        np.testing.assert_allclose(second[:, 1], first[:, 1], atol=0.5)  # in the same axes
        apart = second[:, 0] - first[:, 0]
        assert np.ptp(apart) < 0.5
        assert apart[0] > shown.evaluate("meanfield.views[0].overlay.clientWidth")  # side by side
        shown.evaluate("meanfield.choose(meanfield.runs[1], 3)")
        draw(shown)
        assert "2: particle-flow" in shown.text_content("#inspector h2")


@pytest.mark.parametrize("name", ["line", "many"])
def test_a_phone_shows_all_of_it(browser, files, name):
    with opened(browser, files[name].as_uri(), PHONE) as shown:
        assert shown.evaluate("document.documentElement.scrollWidth") == 390
        assert shown.evaluate(PIXELS, 0) > 100
        for control in ("#play", "#scrub", "#time", "#speed", "#clock"):
            box = shown.locator(control).bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= 390, control
            assert box["y"] + box["height"] <= 844, control
        assert shown.locator("#play").bounding_box()["height"] >= 36
        shown.locator("#inspector").scroll_into_view_if_needed()
        shown.evaluate("meanfield.choose(meanfield.runs[0], 1)")
        draw(shown)
        assert shown.locator("#inspector canvas.plot >> nth=1").is_visible()


def test_all_that_is_drawn_has_a_name(browser, files):
    with opened(browser, files["many"].as_uri()) as shown:
        unnamed = shown.evaluate(
            """[...document.querySelectorAll("button, select, input, canvas")].filter((each) =>
                !each.getAttribute("aria-label") && each.getAttribute("aria-hidden") !== "true"
                && !each.textContent.trim()).length"""
        )
        assert unnamed == 0


def test_hostile_names_stay_words(browser, tmp_path):
    told = story([line(), many()], labels=[NASTY, "other"])
    told["runs"][1]["reason"] = NASTY
    told["runs"][1]["notes"].append(NASTY)
    told["runs"][1]["curves"]["series"][f"{NASTY} risk"] = told["runs"][1]["curves"]["series"][
        "risk"
    ]
    told["runs"][0]["cloud"]["labels"][0] = NASTY
    path = tmp_path / "page.html"
    path.write_text(page(in_script(told), NASTY), encoding="utf-8")
    with opened(browser, path.as_uri()) as shown:
        assert shown.title() == f"{NASTY} – meanfield"
        assert shown.text_content("h1") == f"{NASTY}, other"
        assert shown.locator("img").count() == 0
        assert shown.locator("script").count() == 3
        assert shown.evaluate("window.hacked") is None


def test_the_browser_itself_forbids_the_page_the_network(browser, files):
    browser.goto(files["line"].as_uri())
    blocked = browser.evaluate(
        """async () => {
            const tries = [() => fetch("https://example.org/"), () => new Worker("blob:x")];
            const found = [];
            for (const each of tries) {
                try { await each(); found.push("yes"); } catch (error) { found.push("no"); }
            }
            const script = document.createElement("script");
            script.textContent = "window.hacked = 1";
            document.body.append(script);
            return [...found, window.hacked === undefined];
        }"""
    )
    assert blocked == ["no", "no", True]


def collapsed():
    return euler(line().problem, ParticleMeasure(np.ones((20, 3))))


def exploded():
    run = on_the_line()
    run.measures[-1] = ParticleMeasure(1e200 * run.measures[-1].positions)
    run.risk[-1] = np.inf
    run.status, run.reason = "failed", "it diverged"
    return run


def of_a_hundred_parameters():
    data = mf.Dataset(np.random.default_rng(0).standard_normal((20, 98)), np.ones(20))
    problem = mf.Problem(Neuron(98, activation="tanh"), data)
    return euler(problem, ParticleMeasure.gaussian(30, 100, seed=0))


@pytest.mark.parametrize(
    "make",
    [
        lambda: shorten(line(), 1),
        collapsed,
        exploded,
        of_one_parameter,
        of_a_hundred_parameters,
        lambda: on_a_grid(Neuron(1, outer="fixed"), (20, 20)),
        lambda: on_a_grid(Neuron(1), (16, 16, 16)),
        lambda: on_the_plane(classes=3),
        lambda: on_the_line(loss="logistic"),
    ],
)
def test_unusual_runs_are_drawn(browser, tmp_path, make):
    run = make()
    path = write_page(run, tmp_path / "run.html")
    with opened(browser, path.as_uri()) as shown:
        assert shown.evaluate(PIXELS, 0) > 0
        shown.keyboard.press("End")
        shown.evaluate("meanfield.choose(meanfield.runs[0], 0)")
        draw(shown)
        shown.evaluate("meanfield.brush(meanfield.runs[0], [0, 1, 2])")
        draw(shown)
        assert shown.text_content("#inspector h2").startswith("3 neurons")
        assert "NaN" not in shown.evaluate("document.body.innerText")


class Growing:
    """What a server shows of a run that has three frames, then all."""

    def __init__(self):
        self.frames = 3

    def news(self):
        return {"version": str(self.frames), "running": self.frames < 11, "texts": ["running"]}

    def story(self):
        told = story([shorten(line(), self.frames)])
        return in_script(told | {"version": str(self.frames), "took": 0.0})

    def page(self):
        return page(self.story(), "growing", live=True)


def test_new_frames_come_while_a_run_goes_on(browser):
    show = Growing()
    with server(show, 0) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.02,))
        thread.start()
        try:
            with opened(browser, f"http://127.0.0.1:{listening.server_address[1]}/") as shown:
                shown.keyboard.press("End")
                shown.evaluate("meanfield.choose(meanfield.runs[0], 7)")
                assert time_of(shown) == pytest.approx(line().times[2])
                show.frames = 11
                until(shown, "meanfield.runs[0].times.length === 11")
                draw(shown)
                # Who looks at the end goes on looking at it, at the same neuron.
                assert time_of(shown) == pytest.approx(line().times[-1])
                assert shown.evaluate("meanfield.selected.number") == 7
                assert shown.evaluate("meanfield.selected.run === meanfield.runs[0]")
                assert shown.text_content("#status") == "running"
        finally:
            listening.shutdown()
            thread.join()
