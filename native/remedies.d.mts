// Types of remedies.mjs.

export const isClone: boolean;
export const ownCommand: string;
export const setupCommand: string;
export const buildCommand: string;
export const rebuildCommand: string;
export const doctorCommand: string;
export const demoCommand: string;
export function packageCommand(name: string): string;
