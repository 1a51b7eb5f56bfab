import { native } from '../../native/index.ts';

console.log(Object.keys(native()).length, process.argv.length);
