import { useEffect, useRef } from "react";

const BAR = 3;
const GAP = 2;

/** Root mean square of the last samples, stretched so that quiet speech shows. */
function loudness(samples: Float32Array): number {
  const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
  return Math.min(1, Math.sqrt(Math.sqrt(power)) * 1.6);
}

/** Draws the levels from the newest at the end to older ones; one bar alone where motion is unwanted. */
function draw(canvas: HTMLCanvasElement, levels: readonly number[], still: boolean): void {
  const context = canvas.getContext("2d");
  if (!context) return;
  const scale = devicePixelRatio;
  const { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = width * scale;
  canvas.height = height * scale;
  context.scale(scale, scale);
  const style = getComputedStyle(canvas);
  context.fillStyle = style.color;
  const backwards = style.direction === "rtl";
  if (still) {
    const length = width * (levels.at(-1) ?? 0);
    context.fillRect(backwards ? width - length : 0, height / 2 - 4, length, 8);
    return;
  }
  levels.toReversed().forEach((level, index) => {
    const tall = Math.max(2, level * height);
    const offset = (index + 1) * (BAR + GAP);
    context.fillRect(backwards ? offset - BAR : width - offset, (height - tall) / 2, BAR, tall);
  });
}

/** Shows that the microphone hears something. For the eye alone: the state is said in words beside it. */
export function LevelMeter({ stream, active }: { stream: MediaStream | null; active: boolean }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const levels = useRef<number[]>([]);

  useEffect(() => {
    const element = canvas.current;
    if (!element || !stream || !active) return;
    const audio = new AudioContext();
    const analyser = audio.createAnalyser();
    analyser.fftSize = 1024;
    audio.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const room = Math.floor(element.clientWidth / (BAR + GAP));
      levels.current = [...levels.current, loudness(samples)].slice(-room);
      draw(element, levels.current, still);
    }, 60);
    return () => {
      clearInterval(timer);
      void audio.close();
    };
  }, [stream, active]);

  return <canvas ref={canvas} aria-hidden="true" className="h-14 w-full text-accent" />;
}
