import { useMemo } from "react";
import { useTranslation } from "react-i18next";

import { regionalLocale } from "./locale";

/** Numbers, dates and names as the reader's language writes them. */
export function formats(locale: string) {
  const number = new Intl.NumberFormat(locale);
  const date = new Intl.DateTimeFormat(locale, { dateStyle: "long" });
  const dateTime = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
  const names = new Intl.DisplayNames(locale, { type: "language" });
  const regions = new Intl.DisplayNames(locale, { type: "region" });
  const list = new Intl.ListFormat(locale, { type: "unit", style: "short" });
  const percent = new Intl.NumberFormat(locale, { style: "percent" });
  const two = new Intl.NumberFormat(locale, { minimumIntegerDigits: 2, useGrouping: false });
  return {
    number: (value: number) => number.format(value),
    percent: (share: number) => percent.format(share),
    date: (iso: string) => date.format(new Date(iso)),
    dateTime: (iso: string) => dateTime.format(new Date(iso)),
    list: (items: readonly string[]) => list.format(items),
    languageName: (code: string) => names.of(code) ?? code,
    countryName: (code: string) => regions.of(code) ?? code,
    /** `3:07`, `1:02:09`. */
    clock: (milliseconds: number) => {
      const seconds = Math.floor(milliseconds / 1000);
      const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
      return h > 0 ? `${number.format(h)}:${two.format(m)}:${two.format(s)}` : `${number.format(m)}:${two.format(s)}`;
    },
    /** `1.5 GB`, in powers of ten as disks and downloads are sold. */
    bytes: (value: number) => {
      const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;
      const power = value < 1 ? 0 : Math.min(Math.floor(Math.log10(value) / 3), units.length - 1);
      const unit = units[power] ?? "byte";
      const options = { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: power > 2 ? 1 : 0 } as const;
      return new Intl.NumberFormat(locale, options).format(value / 1000 ** power);
    },
  };
}

export function useFormats() {
  const { i18n } = useTranslation();
  return useMemo(() => formats(regionalLocale(i18n.language)), [i18n.language]);
}
